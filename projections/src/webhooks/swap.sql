-- The rebuilt model takes the live one's place; dropping waits for the readers at work.
drop table if exists read.webhooks;
alter table rebuild_webhooks.webhooks set schema read;
drop schema rebuild_webhooks;
