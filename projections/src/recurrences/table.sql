-- Unqualified: the live model lives in schema read, one that is being rebuilt beside it.
create table recurrences (
    account_id text collate "C" not null,
    recurrence_id uuid not null,
    state json not null,
    version bigint not null check (version > 0),
    position bigint not null check (position > 0),
    created_at timestamptz not null,
    created_by uuid,
    assigned_to uuid,
    deleted boolean not null,
    constraint recurrences_pkey primary key (account_id, recurrence_id)
);
