-- Which models exist, as which version's code made them.
create schema if not exists read;
create table if not exists read.models (
    name text primary key,
    version integer not null,
    built_at timestamptz not null
);
