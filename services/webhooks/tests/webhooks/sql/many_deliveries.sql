insert into public.webhook_deliveries (
    delivery_id, account_id, webhook_id, position, event_id, event_type, lane, body, body_bytes,
    state, attempt, next_attempt_at, created_at, attempted_at, delivered_at
)
select gen_random_uuid(), $1, $2, 1, gen_random_uuid(), 'task.completed', n::text, '{}',
       2, 'delivered', 1, null, clock_timestamp(), clock_timestamp(), clock_timestamp()
from generate_series(1, $3::bigint) as n
