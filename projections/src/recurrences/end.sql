drop schema if exists rebuild_recurrences cascade;
