-- One event ($2) of an account, without its content.
select e.position, e.account_seq, e.recorded_at, e.content_hash
from public.events e
where e.account_id = $1
  and e.event_id = $2
