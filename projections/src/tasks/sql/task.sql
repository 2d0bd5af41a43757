select t.state, t.version, t.position
from read.tasks t
where t.account_id = $1 and t.task_id = $2
