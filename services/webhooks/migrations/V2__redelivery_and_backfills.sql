-- Deliveries that somebody asked for again, and webhooks whose events begin in the past.

alter table public.webhook_deliveries
    -- Position of the event by which it was last asked for again; 0 where nobody did.
    add column requested_position bigint not null default 0 check (requested_position >= 0),
    -- Attempts made before that: the schedule counts those since.
    add column attempts_before integer not null default 0 check (attempts_before >= 0);

-- Also those that were never attempted: asked for again, they no longer wait in their lane.
-- webhook_deliveries_retry goes with the next release: nodes of the last one still read by it.
create index webhook_deliveries_again on public.webhook_deliveries (webhook_id, next_attempt_at)
    where state = 'due' and (attempt > 0 or requested_position > 0);

create table public.webhook_backfills (
    webhook_id uuid primary key,
    account_id text not null,
    -- Events up to here are planned.
    position bigint not null check (position >= 0),
    -- The webhook's registration: what comes later is planned as it comes.
    through bigint not null check (through >= position)
);
comment on table public.webhook_backfills is
    'webhooks that still get events from before their registration; a row goes when that is done';
