-- What commands keep beside the log: nothing here is a fact of the domain.

create table instance_checks (
    name text primary key,
    check_value bytea not null
);
comment on table instance_checks is
    'lets nodes that share the database find out at start whether they share their secrets too';

create table webhook_secrets (
    secret_id uuid primary key,
    account_id text not null,
    sealed bytea not null,
    created_at timestamptz not null default clock_timestamp()
);
comment on table webhook_secrets is
    'sealed with the master key; a row is written before the event that names it, so a row that '
    'no webhook names is the rest of a request that failed and harmless';

create table agent_sightings (
    account_id text not null,
    agent_id uuid not null,
    last_seen_at timestamptz not null,
    primary key (account_id, agent_id)
);
comment on table agent_sightings is 'when an agent''s key was last used; joined at read';
