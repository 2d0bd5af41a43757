-- The rebuilt model takes the live one's place; dropping waits for the readers at work.
drop table if exists read.recurrences;
alter table rebuild_recurrences.recurrences set schema read;
drop schema rebuild_recurrences;
