-- The text of the state, whatever its type: what is prepared outlives tables of another version.
select t.state::text as state, t.version, t.position
from read.tasks t
where t.account_id = $1 and t.task_id = $2
