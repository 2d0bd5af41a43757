-- Tasks that an agent holds and that are not its own.
select count(*) as tasks
from read.tasks t
where t.account_id = $1
  and t.claimed_by = $2
  and t.claimed
  and not t.deleted
  and t.assigned_to is distinct from $2
