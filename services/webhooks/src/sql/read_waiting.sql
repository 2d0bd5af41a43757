-- Endpoints with anything due. Two probes each: the two indexes of what is due are partial.
select e.webhook_id
from public.webhook_endpoints e
where exists (
    select from public.webhook_deliveries d
    where d.webhook_id = e.webhook_id
      and d.state = 'due'
      and d.attempt = 0
      and d.position > e.dropped_through
)
or exists (
    select from public.webhook_deliveries d
    where d.webhook_id = e.webhook_id
      and d.state = 'due'
      and (d.attempt > 0 or d.requested_position > 0)
      and greatest(d.position, d.requested_position) > e.dropped_through
)
