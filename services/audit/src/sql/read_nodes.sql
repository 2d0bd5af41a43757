-- What the ledger keeps of an account's tree in a stretch of it, at the lowest level that it keeps.
select n.node_index, n.hash
from public.ledger_nodes n
where n.account_id = $1
  and n.level = 8
  and n.node_index >= $2
  and n.node_index < $3
order by n.node_index
