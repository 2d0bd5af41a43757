-- What the ledger's leaves are made of: a stretch of an account's events, without their content.
select e.position, e.account_seq, e.recorded_at, e.content_hash
from public.events e
where e.account_id = $1
  and e.account_seq > $2
  and e.account_seq <= $3
order by e.account_seq
