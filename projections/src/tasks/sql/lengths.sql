-- How long these lists are in these statuses, as far as it matters: counting stops at a bound. In
-- the order of the index, so that no plan reads more of a list than is counted.
select l.list_id,
       (
           select count(*)
           from (
               select
               from unnest($2::smallint[]) as s (status)
               cross join lateral (
                   select
                   from read.task_lists i
                   where i.list_id = l.list_id and i.status = s.status
                   order by i.rank, i.priority, i.created_at, i.task_id
                   limit $3
               ) entries
               limit $3
           ) counted
       ) as tasks
from unnest($1::uuid[]) as l (list_id)
