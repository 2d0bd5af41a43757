-- Unqualified: the live model lives in schema read, one that is being rebuilt beside it.
--
-- The state is the document; the other columns are copies of its members, for filters.
create table tasks (
    account_id text collate "C" not null,
    task_id uuid not null,
    -- JSON as text: it is read whole, and written by the one serializer that reads it.
    state text not null,
    version bigint not null check (version > 0),
    position bigint not null check (position > 0),
    deleted boolean not null,
    created_at timestamptz not null,
    created_by uuid,
    assigned_to uuid,
    claimed boolean not null,
    claimed_by uuid,
    lease_expires_at timestamptz,
    -- When the holder last did something to it.
    heard_at timestamptz,
    project_id uuid,
    parent_id uuid,
    root_id uuid not null,
    delegation_depth integer not null,
    session_state text,
    due_date date,
    updated_at timestamptz not null,
    completed_at timestamptz,
    labels text[] not null,
    -- Lower-case content and description. Not `search`: projectors that did not look at the
    -- version of the tables yet name that, and must not write here.
    search_text text not null,
    constraint tasks_pkey primary key (account_id, task_id)
) with (
    -- Most changes touch no indexed column: with room on the page they stay out of the indexes.
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.05
);

-- The lists in which a living task stands (`lists.rs`): that of all tasks, in several orders, of
-- its assignee, of each of its readers, of each of its labels, of its project, of its parent, of
-- its lines in the queue. Its key comes with the indexes.
create table task_lists (
    -- Of which account, too: the first half of a SHA-256 over both names.
    list_id uuid not null,
    task_id uuid not null,
    -- 0, but in the lists that have an order of their own: their names begin with `*`, or with `!`
    -- for tasks that are claimed.
    rank bigint not null,
    created_at timestamptz not null,
    -- By its code (`lists.rs`).
    status smallint not null,
    priority smallint not null
) with (
    autovacuum_vacuum_scale_factor = 0.05
);

-- How many tasks there are of each kind that somebody asks for (`tallies.rs`); no row for none.
create table task_tallies (
    account_id text collate "C" not null,
    tally text collate "C" not null,
    tasks bigint not null check (tasks >= 0),
    constraint task_tallies_pkey primary key (account_id, tally)
) with (
    -- Few rows, written by every batch: room on the page keeps these updates out of the index.
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 500
);
