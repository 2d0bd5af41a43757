-- Living tasks by id.
select t.state::text as state
from unnest($2::uuid[]) as k (task_id)
join read.tasks t on t.account_id = $1 and t.task_id = k.task_id
where not t.deleted
