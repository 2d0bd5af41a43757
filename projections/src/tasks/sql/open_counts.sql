-- How many tasks in these statuses each of these lists holds.
select l.list,
       (
           select count(*)
           from read.task_lists i
           where i.account_id = $1 and i.list = l.list and i.status = any ($3::text[])
       ) as tasks
from unnest($2::text[]) as l (list)
