select count(*) as nodes
from public.ledger_nodes n
where n.account_id = $1
