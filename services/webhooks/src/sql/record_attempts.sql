-- Results of attempts, each once: a row moves only from the attempt it is known to be at, and
-- only while this sender's subscription is its own. The count of failures in a row starts after
-- the last success among these results. Losing this commit in a crash means sending again with
-- the same id, which is promised anyway: it need not wait for the disk.
with settings as materialized (
    select set_config('synchronous_commit', 'off', true)
), held as materialized (
    select from public.subscriptions, settings where name = $1 and epoch = $2
), finished as (
    select delivery_id, attempt, requested_position, state, next_attempt_at, status_code,
           response_body, error, attempted_at, delivered_at, ordinal
    from unnest(
        $3::uuid[], $4::integer[], $5::bigint[], $6::text[], $7::timestamptz[], $8::integer[],
        $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[]
    ) with ordinality as finished (
        delivery_id, attempt, requested_position, state, next_attempt_at, status_code,
        response_body, error, attempted_at, delivered_at, ordinal
    )
), moved as (
    update public.webhook_deliveries d
    set attempt = f.attempt,
        attempts_before = case
            when d.requested_position > f.requested_position then f.attempt
            else d.attempts_before
        end,
        state = case
            -- What was dropped while its attempt was under way stays dropped, unless it arrived.
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
    from finished f, held
    where d.delivery_id = f.delivery_id
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
    where h.webhook_id = t.webhook_id
      and (t.failures > 0 or (t.is_reset and h.failure_count > 0))
    returning h.webhook_id, h.failure_count, t.failures
)
select exists (select from held) as is_held,
       array(
           select webhook_id
           from counted
           where failure_count >= $13 and failure_count - failures < $13
       ) as failing
