-- Where an account's last event is that is neither above a position ($2) nor later than a time
-- ($3), either of which may be null; no row where there is none. Both rise with account_seq, so the
-- place is found by halving: the event at `low` is within both, the one at `high` is not.
with recursive place (low, high) as (
    select 0::bigint, h.account_seq + 1
    from (
        select e.account_seq
        from public.events e
        where e.account_id = $1
        order by e.account_seq desc
        limit 1
    ) h
    union all
    select case when m.is_within then m.account_seq else p.low end,
           case when m.is_within then p.high else m.account_seq end
    from place p
    -- A limit keeps this a probe of the index, whatever the planner thinks of the table.
    cross join lateral (
        select e.account_seq,
               ($2::bigint is null or e.position <= $2)
                   and ($3::timestamptz is null or e.recorded_at <= $3) as is_within
        from public.events e
        where e.account_id = $1
          and e.account_seq = (p.low + p.high) / 2
        limit 1
    ) m
    where p.high - p.low > 1
)
select e.account_seq, e.position, e.recorded_at
from public.events e
where e.account_id = $1
  and e.account_seq = (select max(p.low) from place p)
