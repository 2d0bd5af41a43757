-- Unqualified: the live model lives in schema read, one that is being rebuilt beside it.
create table webhooks (
    account_id text collate "C" not null,
    webhook_id uuid not null,
    state json not null,
    version bigint not null check (version > 0),
    position bigint not null check (position > 0),
    created_at timestamptz not null,
    deleted boolean not null,
    constraint webhooks_pkey primary key (account_id, webhook_id)
);
