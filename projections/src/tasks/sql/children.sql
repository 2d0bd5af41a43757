-- The living children of a task, oldest first: one list, whatever their status.
select t.state::text as state
from read.task_lists i
join read.tasks t on t.account_id = $1 and t.task_id = i.task_id
where i.list_id = $2
order by i.created_at, i.task_id
limit $3
