-- One page of the checkpoints above an account's name: all ($2), or those that are not in the
-- directory yet.
select t.account_id, t.size, t.note, t.signed_at
from public.ledger_trees t
left join public.ledger_anchored a on a.account_id = t.account_id
where t.account_id > $1
  and ($2 or a.size is null or a.size < t.size)
order by t.account_id
limit $3
