-- How long these lists are in these statuses, as far as it matters: counting stops at a bound.
select l.list,
       (
           select count(*)
           from (
               select
               from read.task_lists i
               where i.account_id = $1 and i.list = l.list and i.status = any ($3::text[])
               limit $4
           ) counted
       ) as tasks
from unnest($2::text[]) as l (list)
