-- So many more events ($2) of an account ($1), as if they had been appended.
with head as (
    select max(e.position) as position,
           max(e.account_seq) filter (where e.account_id = $1) as account_seq,
           max(e.recorded_at) as recorded_at
    from public.events e
), made as materialized (
    select h.position + n as position, h.account_seq + n as account_seq, h.recorded_at,
           n::bigint as version, gen_random_uuid() as event_id, gen_random_uuid() as correlation_id,
           json_build_object('number', n)::text as payload
    from head h
    cross join generate_series(1, $2::bigint) as n
)
insert into public.events (
    position, account_id, account_seq, stream_kind, stream_id, version, event_id, event_type,
    schema_version, payload, actor, correlation_id, recorded_at, content_hash
)
select m.position, $1, m.account_seq, 'thing', 'many', m.version, m.event_id, 'thing.happened', 1,
       m.payload::json, 'project', m.correlation_id, m.recorded_at,
       pg_temp.content_hash($1, 'thing', 'many', m.version, m.event_id, 'thing.happened',
           1::smallint, 'project', m.correlation_id, m.payload)
from made m
