-- How long these lists are in these statuses, as far as it matters: counting stops at a bound. In
-- the order of the index, so that no plan reads more of a list than is counted.
select l.list,
       (
           select count(*)
           from (
               select
               from unnest($3::text[]) as s (status)
               cross join lateral (
                   select
                   from read.task_lists i
                   where i.account_id = $1 and i.list = l.list and i.status = s.status
                   order by i.rank, i.priority, i.created_at, i.task_id
                   limit $4
               ) entries
               limit $4
           ) counted
       ) as tasks
from unnest($2::text[]) as l (list)
