-- Which tasks depend on which: what the policies look up when a task is completed or deleted.
--
-- Written in the transaction that moves the subscription's checkpoint, so as of an event it has
-- every dependent that was recorded before that event.
create table public.task_dependents (
    account_id text not null,
    dependency uuid not null,
    dependent uuid not null,
    primary key (account_id, dependency, dependent)
);
create index task_dependents_of on public.task_dependents (account_id, dependent);
comment on table public.task_dependents is
    'derived from the log as of the checkpoint of the subscription "policies"';
