-- Writes down what became of attempts. Each counts once: a row moves only from the attempt it is
-- known to be at, and only while the sender's subscription is its own. The count of failures in a
-- row starts after the last success among these results. Returns whether the subscription is
-- held, and the webhooks that have now failed too often.
--
-- A function for its settings: rows are found by key, all of a batch in one go, whatever the
-- statistics say. A statement prepared while the table was nearly empty would else go on reading
-- all of it, and a nested loop would sort the batch's ids anew for each of them.

create function public.baton_record_attempts(
    subscription text,
    held_epoch bigint,
    failures_max integer,
    delivery_ids uuid[],
    attempts integer[],
    requested_positions bigint[],
    states text[],
    next_attempts_at timestamptz[],
    status_codes integer[],
    response_bodies text[],
    errors text[],
    attempts_at timestamptz[],
    deliveries_at timestamptz[]
)
returns table (is_held boolean, failing uuid[])
language plpgsql
volatile
set enable_seqscan = off
set enable_bitmapscan = off
set enable_mergejoin = off
set enable_nestloop = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
#variable_conflict use_column
begin
    -- Losing this commit in a crash means sending again with the same id, which is promised
    -- anyway: it need not wait for the disk.
    perform set_config('synchronous_commit', 'off', true);

    perform from public.subscriptions s where s.name = subscription and s.epoch = held_epoch;
    if not found then
        return query select false, '{}'::uuid[];
        return;
    end if;

    return query
    with moved as (
        update public.webhook_deliveries d
        set attempt = f.attempt,
            attempts_before = case
                when d.requested_position > f.requested_position then f.attempt
                else d.attempts_before
            end,
            state = case
                -- What was dropped while its attempt was under way stays dropped, unless it
                -- arrived.
                when d.state = 'dropped' and f.state = 'due' then d.state
                -- What was asked for again meanwhile is still due, unless it arrived.
                when d.state = 'due' and d.requested_position > f.requested_position
                     and f.state = 'failed' then d.state
                else f.state
            end,
            next_attempt_at = case
                when d.state = 'due' and d.requested_position > f.requested_position
                     and f.state <> 'delivered' then d.next_attempt_at
                when d.state = 'due' then f.next_attempt_at
            end,
            status_code = f.status_code,
            response_body = f.response_body,
            error = f.error,
            attempted_at = f.attempted_at,
            delivered_at = f.delivered_at
        from unnest(
            delivery_ids, attempts, requested_positions, states, next_attempts_at, status_codes,
            response_bodies, errors, attempts_at, deliveries_at
        ) with ordinality as f (
            delivery_id, attempt, requested_position, state, next_attempt_at, status_code,
            response_body, error, attempted_at, delivered_at, ordinal
        )
        -- By key, also where the table seems to be no larger than a batch.
        where d.delivery_id = any (delivery_ids)
          and d.delivery_id = f.delivery_id
          and d.attempt = f.attempt - 1
          and d.state in ('due', 'dropped')
        returning d.webhook_id, d.state, f.ordinal
    ), ordered as (
        select webhook_id, state, ordinal,
               max(ordinal) filter (where state = 'delivered')
                   over (partition by webhook_id) as last_success
        from moved
    ), tally as (
        select webhook_id,
               bool_or(state = 'delivered') as is_reset,
               (count(*) filter (
                   where state = 'failed' and ordinal > coalesce(last_success, 0)
               ))::integer as failures
        from ordered
        group by webhook_id
    ), counted as (
        update public.webhook_health h
        set failure_count = case when t.is_reset then 0 else h.failure_count end + t.failures
        from tally t
        where h.webhook_id = any (array(select webhook_id from tally))
          and h.webhook_id = t.webhook_id
          and (t.failures > 0 or (t.is_reset and h.failure_count > 0))
        returning h.webhook_id, h.failure_count, t.failures
    )
    select true,
           array(
               select webhook_id
               from counted
               where failure_count >= failures_max and failure_count - failures < failures_max
           );
end;
$$;
