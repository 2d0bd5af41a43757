-- Everything that is claimed in an account, whether or not the lease has run out. What is due needs
-- no claim and is found elsewhere.
select t.task_id, t.claimed, t.lease_expires_at, t.heard_at, t.session_state,
       null::date as due_date
from read.tasks t
where t.account_id = $1 and t.claimed and not t.deleted
limit $2
