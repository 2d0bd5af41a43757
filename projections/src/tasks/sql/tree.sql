-- Every task of a chain, deleted ones included.
select t.state::text as state
from read.tasks t
where t.account_id = $1 and t.root_id = $2
order by t.delegation_depth, t.created_at, t.task_id
limit $3
