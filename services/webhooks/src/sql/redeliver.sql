-- A delivery that was asked for again is due now, whatever became of it. One that waits for its
-- first attempt anyway keeps its place; one that is not there any more is nobody's concern. Found
-- by its id; whose it is is compared in a way that no other index serves.
update public.webhook_deliveries d
set state = 'due',
    next_attempt_at = clock_timestamp(),
    delivered_at = null,
    requested_position = $4,
    attempts_before = d.attempt
from public.webhook_endpoints e
where d.delivery_id = $1
  and d.account_id is not distinct from $2
  and d.webhook_id is not distinct from $3
  and e.webhook_id = $3
  and not (
      d.state = 'due'
      and d.attempt = 0
      and d.requested_position = 0
      and d.position > e.dropped_through
  )
