-- The lists of tasks that changed after they were written: one look at all rows. A task's id is of
-- one account alone.
delete from read.task_lists i
using rebuild_tasks.changed c
where i.task_id = c.task_id
