-- What waits to be sent, counted up to a bound: it is asked for often, and may be very much.
with due as (
    select d.attempt, d.created_at
    from public.webhook_deliveries d
    where d.state = 'due'
    limit $1
),
waiting as (
    select count(*) as due, min(d.created_at) filter (where d.attempt = 0) as oldest from due d
),
endpoints as (
    select count(*) as endpoints,
           count(*) filter (where not coalesce((e.state ->> 'active')::boolean, false)) as inactive
    from public.webhook_endpoints e
    where not coalesce((e.state ->> 'deleted')::boolean, false)
)
select w.due,
       coalesce(
           greatest(extract(epoch from clock_timestamp() - w.oldest) * 1000, 0), 0
       )::bigint as oldest_due_ms,
       e.endpoints,
       e.inactive
from waiting w
cross join endpoints e
