-- The lists of tasks that changed after they were written: one look at all rows.
delete from read.task_lists i
using rebuild_tasks.changed c
where i.account_id = c.account_id and i.task_id = c.task_id
