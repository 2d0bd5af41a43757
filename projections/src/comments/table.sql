-- Unqualified: the live model lives in schema read, one that is being rebuilt beside it.
create table comments (
    account_id text collate "C" not null,
    task_id uuid not null,
    comment_id uuid not null,
    content text not null,
    author text,
    author_agent_id uuid,
    created_at timestamptz not null,
    -- Of the event: the order in which they were written.
    position bigint not null check (position > 0),
    constraint comments_pkey primary key (account_id, task_id, comment_id)
);
