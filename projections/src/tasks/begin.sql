-- Room for a model beside the live one. What an interrupted rebuild left is of no use.
drop schema if exists rebuild_tasks cascade;
create schema rebuild_tasks;

-- Tasks that change after their lists were written (`fill.rs`).
create table rebuild_tasks.changed (
    account_id text collate "C" not null,
    task_id uuid not null,
    constraint changed_pkey primary key (account_id, task_id)
);
