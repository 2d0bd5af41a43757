-- How many tasks all pages of one list show: it holds a task once.
select count(*) as tasks
from read.task_lists i
left join read.tasks t on t.account_id = i.account_id and t.task_id = i.task_id
where i.account_id = $1
  and i.list = any ($2::text[])
  and i.status = any ($3::text[])
  /* filter.sql */
