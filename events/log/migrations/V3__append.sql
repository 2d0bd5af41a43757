-- The append protocol of docs/adr/0001-append-protocol.md: one call appends one batch.
--
-- Each statement below takes its own snapshot (READ COMMITTED), the first of them only waits for
-- the lock: so all that follow see everything that earlier holders committed.
--
-- Commands are named by their ordinal in the batch, from 1. Arrays of commands have one element
-- per command; arrays of checks and events name their command in their first array. The planner
-- settings make every probe an index probe, whatever the statistics say.

create function public.baton_append(
    command_accounts text[],
    command_heads bigint[],
    key_credentials text[],
    keys text[],
    key_request_hashes bytea[],
    key_stream_kinds text[],
    key_stream_ids text[],
    key_versions bigint[],
    key_sealed bytea[],
    check_commands integer[],
    check_accounts text[],
    check_stream_kinds text[],
    check_stream_ids text[],
    check_versions bigint[],
    event_commands integer[],
    event_accounts text[],
    event_stream_kinds text[],
    event_stream_ids text[],
    event_versions bigint[],
    event_ids uuid[],
    event_types text[],
    event_schema_versions smallint[],
    event_payloads text[],
    event_actors text[],
    event_correlation_ids uuid[],
    event_causation_ids uuid[],
    event_content_hashes bytea[]
)
returns table (
    outcome text,
    first_position bigint,
    "position" bigint,
    account_seq bigint,
    recorded_at timestamptz,
    stream_kind text,
    stream_id text,
    version bigint,
    sealed bytea
)
language plpgsql
volatile
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
#variable_conflict use_column
declare
    head_position bigint;
    head_recorded_at timestamptz;
    batch_recorded_at timestamptz;
    keys_after timestamptz;
    replayed bigint[];
    reused bigint[];
    stale bigint[];
    refused bigint[];
    first_positions bigint[];
    last_positions bigint[];
    account_seqs bigint[];
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'baton_append needs READ COMMITTED: an older snapshot misses events'
            using errcode = 'invalid_transaction_state';
    end if;
    -- Whoever holds the lock and forgets to commit is ended, also where nobody set a bound.
    if current_setting('idle_in_transaction_session_timeout') = '0' then
        perform set_config('idle_in_transaction_session_timeout', '5s', true);
    end if;

    -- 'batonlog' in ASCII. Held to the end of the transaction: commit order is position order.
    perform pg_advisory_xact_lock(7089075310400663399);

    select e.position, e.recorded_at into head_position, head_recorded_at
    from public.events e
    order by e.position desc
    limit 1;
    head_position := coalesce(head_position, 0);
    batch_recorded_at := greatest(date_trunc('milliseconds', clock_timestamp()), head_recorded_at);
    keys_after := clock_timestamp() - interval '24 hours';

    select
        coalesce(array_agg(c.command) filter (where k.request_hash = c.request_hash), '{}'),
        coalesce(array_agg(c.command) filter (where k.request_hash <> c.request_hash), '{}')
    into replayed, reused
    from unnest(command_accounts, key_credentials, keys, key_request_hashes)
        with ordinality as c(account_id, credential, key, request_hash, command)
    cross join lateral (
        select i.request_hash
        from public.idempotency_keys i
        where i.account_id = c.account_id
          and i.credential = c.credential
          and i.key = c.key
          and i.created_at > keys_after
        limit 1
    ) k
    where c.key is not null;

    select coalesce(array_agg(distinct s.command), '{}') into stale
    from (
        select c.command::bigint as command
        from unnest(
            check_commands, check_accounts, check_stream_kinds, check_stream_ids, check_versions
        ) as c(command, account_id, stream_kind, stream_id, version)
        where c.version <> coalesce(
            (
                select e.version
                from public.events e
                where e.account_id = c.account_id
                  and e.stream_kind = c.stream_kind
                  and e.stream_id = c.stream_id
                order by e.version desc
                limit 1
            ),
            0
        )
        union all
        select c.command
        from unnest(command_accounts, command_heads)
            with ordinality as c(account_id, head, command)
        where c.head is not null
          and c.head <> coalesce(
            (
                select e.account_seq
                from public.events e
                where e.account_id = c.account_id
                order by e.account_seq desc
                limit 1
            ),
            0
        )
    ) s;
    refused := replayed || reused || stale;

    with numbered as (
        select
            head_position + row_number() over (order by n.ordinal) as position,
            coalesce(
                (
                    select e.account_seq
                    from public.events e
                    where e.account_id = n.account_id
                    order by e.account_seq desc
                    limit 1
                ),
                0
            ) + row_number() over (partition by n.account_id order by n.ordinal) as account_seq,
            n.*
        from unnest(
            event_commands, event_accounts, event_stream_kinds, event_stream_ids, event_versions,
            event_ids, event_types, event_schema_versions, event_payloads, event_actors,
            event_correlation_ids, event_causation_ids, event_content_hashes
        ) with ordinality as n(
            command, account_id, stream_kind, stream_id, version,
            event_id, event_type, schema_version, payload, actor,
            correlation_id, causation_id, content_hash, ordinal
        )
        where not (n.command = any (refused))
    ), written as (
        insert into public.events (
            position, account_id, account_seq, stream_kind, stream_id, version, event_id,
            event_type, schema_version, payload, actor, correlation_id, causation_id,
            recorded_at, content_hash
        )
        select
            n.position, n.account_id, n.account_seq, n.stream_kind, n.stream_id, n.version,
            n.event_id, n.event_type, n.schema_version, n.payload::json, n.actor,
            n.correlation_id, n.causation_id, batch_recorded_at, n.content_hash
        from numbered n
        order by n.position
    )
    -- One element per command, zeros for a command without new events.
    select
        array_agg(p.first_position order by p.command),
        array_agg(p.last_position order by p.command),
        array_agg(p.last_account_seq order by p.command)
    into first_positions, last_positions, account_seqs
    from (
        select
            c.command,
            coalesce(min(c.position), 0) as first_position,
            coalesce(max(c.position), 0) as last_position,
            coalesce(max(c.account_seq), 0) as last_account_seq
        from (
            select n.command, n.position, n.account_seq from numbered n
            union all
            select g.command, null, null
            from generate_series(1, cardinality(command_accounts)) as g(command)
        ) c
        group by c.command
    ) p;

    insert into public.idempotency_keys (
        account_id, credential, key, request_hash, stream_kind, stream_id, version, position,
        recorded_at, sealed, created_at
    )
    select
        c.account_id, c.credential, c.key, c.request_hash, c.stream_kind, c.stream_id, c.version,
        case when last_positions[c.command] > 0 then last_positions[c.command]
            else head_position end,
        batch_recorded_at, c.sealed, clock_timestamp()
    from unnest(
        command_accounts, key_credentials, keys, key_request_hashes, key_stream_kinds,
        key_stream_ids, key_versions, key_sealed
    ) with ordinality as c(
        account_id, credential, key, request_hash, stream_kind, stream_id, version, sealed, command
    )
    where c.key is not null
      and not (c.command = any (refused))
    -- Only a key past its 24 hours can be in the way.
    on conflict (account_id, credential, key) do update set
        request_hash = excluded.request_hash,
        stream_kind = excluded.stream_kind,
        stream_id = excluded.stream_id,
        version = excluded.version,
        position = excluded.position,
        recorded_at = excluded.recorded_at,
        sealed = excluded.sealed,
        created_at = excluded.created_at;

    return query
    select
        case
            when c.command = any (replayed) then 'replayed'
            when c.command = any (reused) then 'key_reused'
            when c.command = any (stale) then 'conflict'
            else 'committed'
        end,
        case when first_positions[c.command] > 0 then first_positions[c.command]
            else head_position end,
        case
            when k.position is not null then k.position
            when last_positions[c.command] > 0 then last_positions[c.command]
            else head_position
        end,
        case
            when account_seqs[c.command] > 0 then account_seqs[c.command]
            else coalesce(
                (
                    select e.account_seq
                    from public.events e
                    where e.account_id = c.account_id
                    order by e.account_seq desc
                    limit 1
                ),
                0
            )
        end,
        coalesce(k.recorded_at, batch_recorded_at),
        k.stream_kind,
        k.stream_id,
        k.version,
        k.sealed
    from unnest(command_accounts, key_credentials, keys)
        with ordinality as c(account_id, credential, key, command)
    left join lateral (
        select i.position, i.recorded_at, i.stream_kind, i.stream_id, i.version, i.sealed
        from public.idempotency_keys i
        where c.command = any (replayed)
          and i.account_id = c.account_id
          and i.credential = c.credential
          and i.key = c.key
        limit 1
    ) k on true
    order by c.command;
end
$$;
