-- Unqualified: the live model lives in schema read, one that is being rebuilt beside it.
--
-- The ledger of every task's context, an entry a row.
create table context_entries (
    account_id text collate "C" not null,
    task_id uuid not null,
    -- Its number in the ledger of its task.
    entry bigint not null check (entry > 0),
    key text collate "C" not null,
    -- JSON text: the value of the key after the write.
    value text not null,
    version bigint not null check (version > 0),
    source text collate "C" not null,
    author_agent_id uuid,
    created_at timestamptz not null,
    -- The entry that took its place; none where it was superseded without another.
    superseded_by bigint,
    superseded_at timestamptz,
    -- What a recall looks through, by weight: A the key, B the value, C and D the task's content
    -- and description, as of now while the entry is live, else as of its end.
    words tsvector not null,
    constraint context_entries_pkey primary key (account_id, task_id, entry),
    constraint context_entries_end check (superseded_by is null or superseded_at is not null)
);

-- The entries of a key, the last of which may be live. A key may be longer than an index takes;
-- two keys may share a hash. Here, because filling needs it too.
create index context_entries_key
    on context_entries (account_id, task_id, hashtextextended(key, 0), entry);
