-- The next tasks of an account in a status, in the order of their turns, after a turn.
select t.state::text as state
from (
    select i.priority, i.created_at, i.task_id
    from read.task_lists i
    where i.list_id = $2
      and i.status = $3
      and i.rank = 0
      and (i.priority, i.created_at, i.task_id)
          > ($4::smallint, $5::timestamptz, $6::uuid)
    order by i.priority, i.created_at, i.task_id
    limit $7
) p
join read.tasks t on t.account_id = $1 and t.task_id = p.task_id
order by p.priority, p.created_at, p.task_id
