-- What waits to be sent, counted up to a bound: it is asked for often, and may be very much. What
-- its webhook, inactive since, does not get any more is left out. The oldest is the first that
-- waits for its first attempt, of each webhook: one probe each, however much waits.
with due as (
    select w.attempt
    from public.webhook_endpoints e
    cross join lateral (
        (
            select d.attempt
            from public.webhook_deliveries d
            where d.webhook_id = e.webhook_id
              and d.state = 'due'
              and d.attempt = 0
              and d.requested_position = 0
              and d.position > e.dropped_through
            limit $1
        )
        union all
        (
            select d.attempt
            from public.webhook_deliveries d
            where d.webhook_id = e.webhook_id
              and d.state = 'due'
              and (d.attempt > 0 or d.requested_position > 0)
              and greatest(d.position, d.requested_position) > e.dropped_through
            limit $1
        )
    ) w
    limit $1
),
waiting as (
    select count(*) as due from due
),
first as (
    select min(f.created_at) as oldest
    from public.webhook_endpoints e
    cross join lateral (
        select d.created_at
        from public.webhook_deliveries d
        where d.webhook_id = e.webhook_id
          and d.state = 'due'
          and d.attempt = 0
          and d.requested_position = 0
          and d.position > e.dropped_through
        order by d.position
        limit 1
    ) f
),
endpoints as (
    select count(*) as endpoints,
           count(*) filter (where not coalesce((e.state ->> 'active')::boolean, false)) as inactive
    from public.webhook_endpoints e
    where not coalesce((e.state ->> 'deleted')::boolean, false)
)
select w.due,
       coalesce(
           greatest(extract(epoch from clock_timestamp() - f.oldest) * 1000, 0), 0
       )::bigint as oldest_due_ms,
       e.endpoints,
       e.inactive
from waiting w
cross join first f
cross join endpoints e
