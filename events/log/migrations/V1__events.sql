-- The log. Only public.baton_append inserts; nothing ever changes or removes a row.

create table public.events (
    position bigint primary key check (position > 0),
    account_id text not null,
    account_seq bigint not null check (account_seq > 0),
    stream_kind text not null,
    stream_id text not null,
    version bigint not null check (version > 0),
    event_id uuid not null,
    event_type text not null,
    schema_version smallint not null,
    -- json, not jsonb: the text is hashed, so it is kept byte for byte.
    payload json not null,
    actor text not null,
    correlation_id uuid not null,
    causation_id uuid,
    recorded_at timestamptz not null
        check (recorded_at = date_trunc('milliseconds', recorded_at)),
    content_hash bytea not null check (octet_length(content_hash) = 32),
    constraint events_account_seq_key unique (account_id, account_seq),
    constraint events_stream_version_key unique (account_id, stream_kind, stream_id, version),
    constraint events_event_id_key unique (event_id)
) with (
    -- A table that was analysed while tiny is read by sequential scans until it is analysed
    -- again, and prepared statements keep such a plan while the log grows under them. An
    -- unanalysed table is planned for as if it had some pages, which makes every read an index
    -- read; from this many rows on the statistics say so, too.
    autovacuum_analyze_threshold = 5000,
    autovacuum_vacuum_insert_threshold = 5000
);

-- The directory follows the account streams alone.
create index events_account_streams on public.events (position) where stream_kind = 'account';

create function public.baton_refuse_change() returns trigger
language plpgsql
as $$
begin
    raise exception '% on public.events is refused: the log is append-only', tg_op
        using errcode = 'restrict_violation';
end
$$;

create trigger events_refuse_update_delete
    before update or delete on public.events
    for each row execute function public.baton_refuse_change();

create trigger events_refuse_truncate
    before truncate on public.events
    for each statement execute function public.baton_refuse_change();

-- Also in sessions that play replica, which ordinary triggers let pass.
alter table public.events enable always trigger events_refuse_update_delete;
alter table public.events enable always trigger events_refuse_truncate;
