-- How many of an account's events were recorded before a time. Times never fall with account_seq,
-- so the place is found by halving: the event at `low` is before, the one at `high` is not.
with recursive head as (
    select e.account_seq
    from public.events e
    where e.account_id = $1
    order by e.account_seq desc
    limit 1
),
place (low, high) as (
    select 0::bigint, h.account_seq + 1
    from head h
    union all
    select case when m.recorded_at < $2 then m.account_seq else p.low end,
           case when m.recorded_at < $2 then p.high else m.account_seq end
    from place p
    -- A limit keeps this a probe of the index, whatever the planner thinks of the table.
    cross join lateral (
        select e.account_seq, e.recorded_at
        from public.events e
        where e.account_id = $1
          and e.account_seq = (p.low + p.high) / 2
        limit 1
    ) m
    where p.high - p.low > 1
)
select coalesce(max(p.low), 0) as events
from place p
