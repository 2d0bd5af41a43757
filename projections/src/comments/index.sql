-- The comments of a task, oldest first.
create index comments_written on comments (account_id, task_id, position);
