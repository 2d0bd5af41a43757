drop schema if exists rebuild_tasks cascade;
