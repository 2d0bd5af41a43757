-- Tasks new in a batch. One that is there already is a mistake, and its key says so.
insert into read.tasks (
    account_id, task_id, state, version, position, deleted, assigned_to, claimed, claimed_by,
    lease_expires_at, session_state, due_date, updated_at, completed_at, labels, search_text,
    heard_at, project_id, created_at, created_by, parent_id, root_id, delegation_depth
)
select n.account_id, n.task_id, n.state, n.version, n.position, n.deleted, n.assigned_to,
       n.claimed, n.claimed_by, n.lease_expires_at, n.session_state, n.due_date, n.updated_at,
       n.completed_at, n.labels::text[], n.search_text, n.heard_at, n.project_id, n.created_at,
       n.created_by, n.parent_id, n.root_id, n.delegation_depth
from unnest(
    $1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::boolean[], $7::uuid[],
    $8::boolean[], $9::uuid[], $10::timestamptz[], $11::text[], $12::date[], $13::timestamptz[],
    $14::timestamptz[], $15::text[], $16::text[], $17::timestamptz[], $18::uuid[],
    $19::timestamptz[], $20::uuid[], $21::uuid[], $22::uuid[], $23::integer[]
) as n (
    account_id, task_id, state, version, position, deleted, assigned_to, claimed, claimed_by,
    lease_expires_at, session_state, due_date, updated_at, completed_at, labels, search_text,
    heard_at, project_id, created_at, created_by, parent_id, root_id, delegation_depth
)
