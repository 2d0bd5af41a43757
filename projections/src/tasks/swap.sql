-- The rebuilt model takes the live one's place; dropping waits for the readers at work.
-- task_counts is of a version before this one.
drop table if exists read.tasks, read.task_lists, read.task_counts, read.task_tallies;
alter table rebuild_tasks.tasks set schema read;
alter table rebuild_tasks.task_lists set schema read;
alter table rebuild_tasks.task_tallies set schema read;
drop schema rebuild_tasks;
