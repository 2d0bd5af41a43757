drop schema if exists rebuild_comments cascade;
