-- What one event costs at least: a row with a payload, found by key and by stream and version.
create table yardstick (
    position bigserial primary key,
    stream uuid not null,
    version int not null,
    type text not null,
    payload jsonb not null,
    recorded_at timestamptz not null,
    unique (stream, version)
);
