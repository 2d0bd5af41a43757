select t.size, t.position, t.frontier
from public.ledger_trees t
where t.account_id = $1
