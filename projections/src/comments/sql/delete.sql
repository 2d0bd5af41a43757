-- Comments that were deleted.
delete from read.comments c
using unnest($1::text[], $2::uuid[], $3::uuid[]) as g (account_id, task_id, comment_id)
where c.account_id = g.account_id
  and c.task_id = g.task_id
  and c.comment_id = g.comment_id
