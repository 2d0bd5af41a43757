-- The unfinished tasks in some lists.
select t.task_id, t.claimed, t.lease_expires_at, t.heard_at, t.session_state, t.due_date,
       own.priority, own.created_at
from (
    select distinct i.task_id, i.priority, i.created_at
    from read.task_lists i
    where i.list_id = any ($3::uuid[]) and i.status = any ($4::smallint[])
    limit $2
) own
join read.tasks t on t.account_id = $1 and t.task_id = own.task_id
