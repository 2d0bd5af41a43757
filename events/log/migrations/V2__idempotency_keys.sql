-- What was answered to a command that came with an idempotency key. Kept for 24 hours.

create table public.idempotency_keys (
    account_id text not null,
    credential text not null,
    key text not null,
    request_hash bytea not null check (octet_length(request_hash) = 32),
    stream_kind text not null,
    stream_id text not null,
    version bigint not null,
    position bigint not null,
    recorded_at timestamptz not null,
    sealed bytea,
    created_at timestamptz not null,
    primary key (account_id, credential, key)
);

create index idempotency_keys_created_at on public.idempotency_keys (created_at);
