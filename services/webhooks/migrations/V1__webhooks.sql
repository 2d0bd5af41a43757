-- What the webhook sender keeps: which endpoints there are, what is due to them, what became of
-- it. Deliveries are planned in the transaction that moves the subscription's checkpoint.

create table public.webhook_endpoints (
    webhook_id uuid primary key,
    account_id text not null,
    -- The domain's webhook as of `version` of its stream: it names its secret, it does not hold it.
    state json not null,
    version bigint not null check (version > 0),
    -- The webhook was inactive at this position: whatever was due up to it is not sent any more.
    dropped_through bigint not null default 0 check (dropped_through >= 0)
);
comment on table public.webhook_endpoints is
    'the planner''s own fold of the webhook streams, as of its checkpoint';

create table public.webhook_health (
    webhook_id uuid primary key,
    account_id text not null,
    failure_count integer not null default 0 check (failure_count >= 0)
);
create index webhook_health_accounts on public.webhook_health (account_id);
comment on table public.webhook_health is
    'deliveries in a row that failed for good; operational, no event carries it';

create table public.webhook_deliveries (
    -- UUIDv5 of webhook and event: planning again after a crash gives the same id.
    delivery_id uuid primary key,
    account_id text not null,
    webhook_id uuid not null,
    position bigint not null check (position > 0),
    event_id uuid not null,
    event_type text not null,
    -- Deliveries of one lane go out in order: the id of what the event is about.
    lane text not null,
    -- Byte for byte as sent, in every attempt.
    body text not null,
    body_bytes integer not null,
    state text not null default 'due'
        check (state in ('due', 'delivered', 'failed', 'dropped')),
    -- Attempts made so far.
    attempt integer not null default 0 check (attempt >= 0),
    next_attempt_at timestamptz default clock_timestamp(),
    status_code integer,
    response_body text,
    error text,
    created_at timestamptz not null default clock_timestamp(),
    attempted_at timestamptz,
    delivered_at timestamptz,
    constraint webhook_deliveries_due_has_time check
        ((state = 'due') = (next_attempt_at is not null)),
    constraint webhook_deliveries_delivered_has_time check
        ((state = 'delivered') = (delivered_at is not null)),
    constraint webhook_deliveries_attempted_has_time check
        ((attempt > 0) = (attempted_at is not null))
) with (
    -- A queue: rows come, change once or twice, and the indexes of what is due must stay small.
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_threshold = 5000
);
create index webhook_deliveries_first on public.webhook_deliveries (webhook_id, position)
    where state = 'due' and attempt = 0;
create index webhook_deliveries_retry on public.webhook_deliveries (webhook_id, next_attempt_at)
    where state = 'due' and attempt > 0;
create index webhook_deliveries_list
    on public.webhook_deliveries (account_id, webhook_id, position desc);
-- Rows lie in the order of their making: a few pages find the old ones, and writes cost nothing.
create index webhook_deliveries_age on public.webhook_deliveries
    using brin (created_at) with (pages_per_range = 32, autosummarize = on);
