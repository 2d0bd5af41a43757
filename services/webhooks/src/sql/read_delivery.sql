-- Found by its id; whose it is is compared in a way that no other index serves.
select d.delivery_id, d.webhook_id, d.event_type, d.body, d.status_code, d.response_body, d.error,
       d.state, d.attempt, d.created_at, d.attempted_at, d.delivered_at,
       case when greatest(d.position, d.requested_position) > coalesce(e.dropped_through, 0)
            then d.next_attempt_at end
           as next_attempt_at
from public.webhook_deliveries d
left join public.webhook_endpoints e on e.webhook_id = d.webhook_id
where d.delivery_id = $3
  and d.account_id is not distinct from $1
  and d.webhook_id is not distinct from $2
