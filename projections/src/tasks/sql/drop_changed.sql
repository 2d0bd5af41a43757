drop table rebuild_tasks.changed
