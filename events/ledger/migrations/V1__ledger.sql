-- The ledger: over the events of each account a Merkle tree of RFC 6962, and what was signed of
-- it. All of it follows from the log and may be built again; what it proves, it proves by
-- checkpoints that are kept elsewhere.

-- Names the log in checkpoints: made once, and the same for ever, also in a backup.
create table public.ledger_log (
    is_only boolean primary key default true check (is_only),
    log_id uuid not null default gen_random_uuid()
);
insert into public.ledger_log default values;

-- A row per account: how far its tree is, and the last checkpoint.
create table public.ledger_trees (
    account_id text primary key,
    -- Leaves: the account_seq of the last one.
    size bigint not null check (size > 0),
    -- Of the last leaf.
    position bigint not null check (position > 0),
    recorded_at timestamptz not null,
    -- The roots of the complete subtrees that the tree consists of, the largest first.
    frontier bytea not null check (octet_length(frontier) % 32 = 0),
    root bytea not null check (octet_length(root) = 32),
    -- The signed checkpoint of this size and root.
    note text not null,
    signed_at timestamptz not null
) with (
    -- Every batch writes its rows: room on the page keeps these updates out of the index.
    fillfactor = 40,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000
);

-- The roots of complete subtrees of 256 leaves, of 65,536 and so on; those between are computed
-- from these, and those below from the events. Rows are never changed.
create table public.ledger_nodes (
    account_id text not null,
    level smallint not null check (level > 0 and level % 8 = 0),
    node_index bigint not null check (node_index >= 0),
    hash bytea not null check (octet_length(hash) = 32),
    primary key (account_id, level, node_index)
);

-- How far checkpoints are in the directory outside the database.
create table public.ledger_anchored (
    account_id text primary key,
    size bigint not null check (size > 0),
    anchored_at timestamptz not null
) with (
    fillfactor = 40,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000
);
