-- The comments of a task, oldest first.
select c.comment_id, c.content, c.author, c.author_agent_id, c.created_at
from read.comments c
where c.account_id = $1
  and c.task_id = $2
order by c.position
limit $3
