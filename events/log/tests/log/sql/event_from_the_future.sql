-- As if an earlier append had been made with a clock far ahead.
insert into public.events (
    position, account_id, account_seq, stream_kind, stream_id, version, event_id, event_type,
    schema_version, payload, actor, correlation_id, causation_id, recorded_at, content_hash
)
values (
    1, 'default', 1, 'task', 'future', 1, gen_random_uuid(), 'task.created',
    1, '{}', 'project', gen_random_uuid(), null, '2100-01-01T00:00:00Z',
    decode(repeat('00', 32), 'hex')
)
