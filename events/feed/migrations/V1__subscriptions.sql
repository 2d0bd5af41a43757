-- One row per subscription: how far it is, who holds it, why it stands still.
--
-- A batch moves `position` from the epoch and position it knows, in the transaction that has its
-- effect. So whoever lost the row, however late it wakes up, commits nothing.
create table public.subscriptions (
    name text primary key,
    position bigint not null default 0 check (position >= 0),
    epoch bigint not null default 0 check (epoch >= 0),
    holder text,
    lease_until timestamptz,
    failure text,
    failed_position bigint,
    failed_at timestamptz,
    updated_at timestamptz not null default clock_timestamp(),
    constraint subscriptions_lease_has_holder check ((holder is null) = (lease_until is null)),
    constraint subscriptions_failure_has_time check ((failure is null) = (failed_at is null))
) with (
    -- Every batch writes its row: room on the page keeps these updates out of the index.
    fillfactor = 20,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 200
);
