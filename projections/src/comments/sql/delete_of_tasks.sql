-- The comments of tasks that were deleted.
delete from read.comments c
using unnest($1::text[], $2::uuid[]) as g (account_id, task_id)
where c.account_id = g.account_id
  and c.task_id = g.task_id
