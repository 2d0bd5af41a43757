select t.size, t.position, t.recorded_at, t.root, t.note, t.signed_at, a.size as anchored_size,
       a.anchored_at
from public.ledger_trees t
left join public.ledger_anchored a on a.account_id = t.account_id
where t.account_id = $1
