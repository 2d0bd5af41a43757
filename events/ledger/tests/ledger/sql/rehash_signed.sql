update public.events
set payload = '{"number": 7}',
    content_hash = pg_temp.content_hash(account_id, stream_kind, stream_id, version, event_id,
        event_type, schema_version, actor, correlation_id, '{"number": 7}')
where account_id = 'acme' and account_seq = 290
