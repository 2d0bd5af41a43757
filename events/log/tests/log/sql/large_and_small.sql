-- Two accounts in one log: of every thousand events one is the small account's, and all of those
-- are on one stream. $1 is how many there are.
insert into public.events (
    position, account_id, account_seq, stream_kind, stream_id, version, event_id, event_type,
    schema_version, payload, actor, correlation_id, causation_id, recorded_at, content_hash
)
select
    n,
    case when n % 1000 = 0 then 'small' else 'large' end,
    case when n % 1000 = 0 then n / 1000 else n - n / 1000 end,
    'task',
    case when n % 1000 = 0 then 'one' else 'task-' || (n / 10)::text end,
    case when n % 1000 = 0 then n / 1000 else n % 10 + 1 end,
    gen_random_uuid(),
    case when n % 2 = 0 then 'task.updated' else 'task.created' end,
    1,
    '{}',
    'project',
    gen_random_uuid(),
    null,
    '2026-03-17T10:00:00Z',
    decode(repeat('00', 32), 'hex')
from generate_series(1, $1::bigint) n
