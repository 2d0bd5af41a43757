-- The append protocol of docs/adr/0001-append-protocol.md: one call appends one batch. It does what
-- baton_append did, with two statements where that had six; nodes of the release before call that.
--
-- Each statement below takes its own snapshot (READ COMMITTED), the first of them only waits for
-- the lock: so all that follow see everything that earlier holders committed.
--
-- Commands, checks and events are named by their ordinal in the batch, from 1; accounts by their
-- place in `accounts`, which names each once. A check is a stream that must be at a version: each
-- that is written, and each that is guarded. An event names the check of its stream. Arrays are
-- read by subscript: that costs a fraction of what rows made of them would.
--
-- A caller who wants every probe to be an index probe, whatever the statistics say, switches the
-- other scans off in its session: here that would be done and undone in each call.

create function public.baton_append_batch(
    accounts text[],
    check_commands integer[],
    check_accounts integer[],
    check_stream_kinds text[],
    check_stream_ids text[],
    check_versions bigint[],
    -- All of them: 1, 2, 3 and so on.
    events integer[],
    event_commands integer[],
    event_checks integer[],
    -- Which of its account's events in this batch it is, from 1.
    event_ranks integer[],
    event_versions bigint[],
    event_ids uuid[],
    event_types text[],
    event_schema_versions smallint[],
    event_payloads text[],
    event_actors text[],
    event_correlation_ids uuid[],
    event_causation_ids uuid[],
    event_content_hashes bytea[],
    -- What an account_seq must be. Null where no command names one, like the keys below.
    head_commands integer[] default null,
    head_accounts integer[] default null,
    head_account_seqs bigint[] default null,
    key_commands integer[] default null,
    key_accounts integer[] default null,
    key_credentials text[] default null,
    keys text[] default null,
    key_request_hashes bytea[] default null,
    key_stream_kinds text[] default null,
    key_stream_ids text[] default null,
    key_versions bigint[] default null,
    key_sealed bytea[] default null,
    -- The last event of the key's command; 0 where it has none.
    key_events integer[] default null,
    -- The last position before the batch. The events of the commands that are not refused follow it
    -- in their order, and likewise those of each account its account_seq here.
    out head_position bigint,
    out recorded_at timestamptz,
    out account_seqs bigint[],
    -- Refused commands, each for the first reason that holds: replayed, reused, conflicting.
    out replayed integer[],
    out reused integer[],
    out conflicting integer[],
    -- What was stored with the keys of the replayed commands, in their order.
    out replayed_positions bigint[],
    out replayed_recorded_at timestamptz[],
    out replayed_stream_kinds text[],
    out replayed_stream_ids text[],
    out replayed_versions bigint[],
    out replayed_sealed bytea[]
)
language plpgsql
volatile
as $$
#variable_conflict use_column
declare
    last_recorded_at timestamptz;
    keys_after timestamptz;
    refused integer[];
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'baton_append_batch needs READ COMMITTED: an older snapshot misses events'
            using errcode = 'invalid_transaction_state';
    end if;
    -- Whoever holds the lock and forgets to commit is ended, also where nobody set a bound.
    if current_setting('idle_in_transaction_session_timeout') = '0' then
        perform set_config('idle_in_transaction_session_timeout', '5s', true);
    end if;

    -- 'batonlog' in ASCII. Held to the end of the transaction: commit order is position order.
    -- A statement of its own, evaluated without a plan to start; it is never null.
    if pg_advisory_xact_lock(7089075310400663399) is null then
        raise exception 'no append lock' using errcode = 'internal_error';
    end if;

    select
        h.position,
        h.recorded_at,
        array(
            select coalesce(
                (
                    select e.account_seq
                    from public.events e
                    where e.account_id = a.account_id
                    order by e.account_seq desc
                    limit 1
                ),
                0
            )
            from unnest(accounts) as a(account_id)
        ),
        array(
            select check_commands[c.ordinal]
            from generate_series(1, cardinality(check_commands)) as c(ordinal)
            where check_versions[c.ordinal] <> coalesce(
                (
                    select e.version
                    from public.events e
                    where e.account_id = accounts[check_accounts[c.ordinal]]
                      and e.stream_kind = check_stream_kinds[c.ordinal]
                      and e.stream_id = check_stream_ids[c.ordinal]
                    order by e.version desc
                    limit 1
                ),
                0
            )
        )
    into head_position, last_recorded_at, account_seqs, conflicting
    from (select) as always
    left join lateral (
        select e.position, e.recorded_at
        from public.events e
        order by e.position desc
        limit 1
    ) h on true;
    head_position := coalesce(head_position, 0);
    recorded_at := greatest(date_trunc('milliseconds', clock_timestamp()), last_recorded_at);

    if cardinality(head_commands) > 0 then
        conflicting := conflicting || array(
            select head_commands[h.ordinal]
            from generate_series(1, cardinality(head_commands)) as h(ordinal)
            where head_account_seqs[h.ordinal] <> account_seqs[head_accounts[h.ordinal]]
        );
    end if;

    if cardinality(keys) > 0 then
        keys_after := clock_timestamp() - interval '24 hours';
        select
            array_agg(k.command) filter (where k.is_same),
            array_agg(k.command) filter (where not k.is_same),
            array_agg(k.position) filter (where k.is_same),
            array_agg(k.recorded_at) filter (where k.is_same),
            array_agg(k.stream_kind) filter (where k.is_same),
            array_agg(k.stream_id) filter (where k.is_same),
            array_agg(k.version) filter (where k.is_same),
            array_agg(k.sealed) filter (where k.is_same)
        into replayed, reused, replayed_positions, replayed_recorded_at, replayed_stream_kinds,
            replayed_stream_ids, replayed_versions, replayed_sealed
        from (
            select
                key_commands[c.ordinal] as command,
                i.request_hash = key_request_hashes[c.ordinal] as is_same,
                i.position, i.recorded_at, i.stream_kind, i.stream_id, i.version, i.sealed
            from generate_series(1, cardinality(keys)) as c(ordinal)
            cross join lateral (
                select f.request_hash, f.position, f.recorded_at, f.stream_kind, f.stream_id,
                    f.version, f.sealed
                from public.idempotency_keys f
                where f.account_id = accounts[key_accounts[c.ordinal]]
                  and f.credential = key_credentials[c.ordinal]
                  and f.key = keys[c.ordinal]
                  and f.created_at > keys_after
                limit 1
            ) i
        ) k;
    end if;

    refused := coalesce(replayed || reused, '{}') || conflicting;
    if cardinality(refused) > 0 then
        -- What is left of the events, with their ranks among those.
        select
            coalesce(array_agg(t.event order by t.event), '{}'),
            coalesce(array_agg(t.rank order by t.event), '{}')
        into events, event_ranks
        from (
            select
                e.event,
                row_number() over (
                    partition by check_accounts[event_checks[e.event]] order by e.event
                )::integer as rank
            from unnest(events) as e(event)
            where not (event_commands[e.event] = any (refused))
        ) t;
    end if;

    insert into public.events (
        position, account_id, account_seq, stream_kind, stream_id, version, event_id, event_type,
        schema_version, payload, actor, correlation_id, causation_id, recorded_at, content_hash
    )
    select
        head_position + t.place,
        accounts[check_accounts[event_checks[t.event]]],
        account_seqs[check_accounts[event_checks[t.event]]] + t.rank,
        check_stream_kinds[event_checks[t.event]],
        check_stream_ids[event_checks[t.event]],
        event_versions[t.event],
        event_ids[t.event],
        event_types[t.event],
        event_schema_versions[t.event],
        event_payloads[t.event]::json,
        event_actors[t.event],
        event_correlation_ids[t.event],
        event_causation_ids[t.event],
        recorded_at,
        event_content_hashes[t.event]
    from unnest(events, event_ranks) with ordinality as t(event, rank, place);

    if cardinality(keys) > 0 then
        insert into public.idempotency_keys (
            account_id, credential, key, request_hash, stream_kind, stream_id, version, position,
            recorded_at, sealed, created_at
        )
        select
            accounts[key_accounts[c.ordinal]],
            key_credentials[c.ordinal],
            keys[c.ordinal],
            key_request_hashes[c.ordinal],
            key_stream_kinds[c.ordinal],
            key_stream_ids[c.ordinal],
            key_versions[c.ordinal],
            head_position + case
                when cardinality(refused) = 0 then key_events[c.ordinal]
                when key_events[c.ordinal] = 0 then 0
                else array_position(events, key_events[c.ordinal])
            end,
            recorded_at,
            key_sealed[c.ordinal],
            clock_timestamp()
        from generate_series(1, cardinality(keys)) as c(ordinal)
        where not (key_commands[c.ordinal] = any (refused))
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
    end if;
end
$$;
