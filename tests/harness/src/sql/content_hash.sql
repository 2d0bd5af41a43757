-- The content hash of docs/adr/0001-append-protocol.md, for events that a test writes by hand: of
-- one without a cause.
create or replace function pg_temp.hashed_field(value bytea) returns bytea
language sql immutable
as $$ select int4send(octet_length(value)) || value $$;

create or replace function pg_temp.content_hash(
    account_id text, stream_kind text, stream_id text, version bigint, event_id uuid,
    event_type text, schema_version smallint, actor text, correlation_id uuid, payload text
) returns bytea
language sql immutable
as $$
    select sha256(
        pg_temp.hashed_field(convert_to('baton.event.v1', 'UTF8'))
        || pg_temp.hashed_field(convert_to(account_id, 'UTF8'))
        || pg_temp.hashed_field(convert_to(stream_kind, 'UTF8'))
        || pg_temp.hashed_field(convert_to(stream_id, 'UTF8'))
        || pg_temp.hashed_field(int8send(version))
        || pg_temp.hashed_field(uuid_send(event_id))
        || pg_temp.hashed_field(convert_to(event_type, 'UTF8'))
        || pg_temp.hashed_field(int2send(schema_version))
        || pg_temp.hashed_field(convert_to(actor, 'UTF8'))
        || pg_temp.hashed_field(uuid_send(correlation_id))
        || '\xffffffff'::bytea
        || pg_temp.hashed_field(convert_to(payload, 'UTF8'))
    )
$$;
