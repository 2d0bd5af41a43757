-- Names no account. An account's checkpoint that is not in the directory is as old as the first
-- event that only it covers.
select count(*) as accounts,
       count(*) filter (where w.is_waiting) as unanchored_accounts,
       coalesce(sum(w.events), 0)::bigint as unanchored_events,
       coalesce(
           max(extract(epoch from clock_timestamp() - first.recorded_at) * 1000), 0
       )::bigint as unanchored_ms
from public.ledger_trees t
left join public.ledger_anchored a on a.account_id = t.account_id
cross join lateral (
    select t.size - coalesce(a.size, 0) as events, t.size > coalesce(a.size, 0) as is_waiting
) w
left join lateral (
    select e.recorded_at
    from public.events e
    where w.is_waiting
      and e.account_id = t.account_id
      and e.account_seq = coalesce(a.size, 0) + 1
    limit 1
) first on true
