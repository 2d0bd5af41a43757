-- The rebuilt model takes the live one's place; dropping waits for the readers at work.
drop table if exists read.context_entries;
alter table rebuild_context.context_entries set schema read;
drop schema rebuild_context;
