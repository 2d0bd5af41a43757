-- The next retries by time, those under way left out; also one that is not due yet, to know when.
select delivery_id, position, event_type, lane, body, attempt, attempts_before,
       requested_position, next_attempt_at
from public.webhook_deliveries
where webhook_id = $1
  and state = 'due'
  and (attempt > 0 or requested_position > 0)
  and greatest(position, requested_position) > $2
  and delivery_id <> all ($3::uuid[])
order by next_attempt_at
limit $4
