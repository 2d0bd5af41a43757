-- What reads need and a rebuild fills faster without.

-- Within a list and a status protocol 0.6: priority, then age, then id.
alter table task_lists add constraint task_lists_pkey
    primary key (list_id, status, rank, priority, created_at, task_id);

-- Chains, deleted tasks included.
create index tasks_root on tasks (account_id, root_id, delegation_depth, created_at, task_id);

-- What is claimed, and whose claims are in the way of deleting an agent. A finished task has none.
create index tasks_claimed_by on tasks (account_id, claimed_by)
    where claimed and not deleted;
