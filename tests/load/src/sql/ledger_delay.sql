-- How long the first event has waited that no checkpoint covers; 0 where there is none.
select coalesce(
           greatest(extract(epoch from clock_timestamp() - first.recorded_at) * 1000, 0), 0
       )::float8 as delay_ms
from public.ledger_trees t
left join lateral (
    select e.recorded_at
    from public.events e
    where e.account_id = t.account_id
      and e.account_seq = t.size + 1
    limit 1
) first on true
where t.account_id = $1
