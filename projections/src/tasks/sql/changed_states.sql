-- Rows that changed after their lists were written, by key, to write them again.
select t.account_id, t.task_id, t.state::text as state
from rebuild_tasks.changed c
join read.tasks t on t.account_id = c.account_id and t.task_id = c.task_id
where (c.account_id, c.task_id) > ($1::text, $2::uuid)
order by c.account_id, c.task_id
limit $3
