-- How many tasks all pages of several lists show.
select count(distinct i.task_id) as tasks
from read.task_lists i
left join read.tasks t on t.account_id = $1 and t.task_id = i.task_id
where i.list_id = any ($2::uuid[])
  and i.status = any ($3::smallint[])
  /* filter.sql */
