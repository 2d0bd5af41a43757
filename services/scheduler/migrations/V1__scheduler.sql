-- What waits for a moment: recurrences for their next occurrence, tasks for their reminder.
--
-- Written in the transaction that moves the subscription's checkpoint, so as of an event it has
-- every moment that was set before that event. `due_at` is null where a task keeps a reminder that
-- does not wait while the task is finished.
create table public.scheduled (
    account_id text not null,
    kind text not null check (kind in ('recurrence', 'reminder')),
    id uuid not null,
    due_at timestamptz,
    event_id uuid not null,
    correlation_id uuid not null,
    primary key (account_id, kind, id)
);
create index scheduled_due on public.scheduled (due_at, account_id, kind, id)
    where due_at is not null;
comment on table public.scheduled is
    'derived from the log as of the checkpoint of the subscription "scheduler"';
