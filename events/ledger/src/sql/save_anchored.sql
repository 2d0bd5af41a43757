insert into public.ledger_anchored (account_id, size, anchored_at)
select a.account_id, a.size, clock_timestamp()
from unnest($1::text[], $2::bigint[]) as a (account_id, size)
order by a.account_id
on conflict (account_id) do update set
    size = greatest(ledger_anchored.size, excluded.size),
    anchored_at = excluded.anchored_at
