select n.hash
from public.ledger_nodes n
where n.account_id = $1
  and n.level = $2
  and n.node_index >= $3
  and n.node_index < $4
order by n.node_index
