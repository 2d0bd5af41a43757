-- Endpoints of deleted webhooks to which nothing is due any more, with what was counted of them.
with removed as (
    delete from public.webhook_endpoints e
    where (e.state ->> 'deleted')::boolean
      and not exists (
          select from public.webhook_deliveries d
          where d.webhook_id = e.webhook_id and d.state = 'due' and d.attempt = 0
      )
      and not exists (
          select from public.webhook_deliveries d
          where d.webhook_id = e.webhook_id
            and d.state = 'due'
            and (d.attempt > 0 or d.requested_position > 0)
      )
    returning e.webhook_id
)
delete from public.webhook_health h
using removed
where h.webhook_id = removed.webhook_id
