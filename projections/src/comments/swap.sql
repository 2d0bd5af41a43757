-- The rebuilt model takes the live one's place; dropping waits for the readers at work.
drop table if exists read.comments;
alter table rebuild_comments.comments set schema read;
drop schema rebuild_comments;
