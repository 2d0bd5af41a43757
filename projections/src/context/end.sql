drop schema if exists rebuild_context cascade;
