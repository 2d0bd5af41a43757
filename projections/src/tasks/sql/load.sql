-- The rows that a batch changes.
select t.account_id, t.task_id as id, t.state::text as state, t.version
from unnest($1::text[], $2::uuid[]) as k (account_id, task_id)
join read.tasks t on t.account_id = k.account_id and t.task_id = k.task_id
