-- Tasks that a batch changes, from exactly the version that it was folded on.
update read.tasks t
set state = n.state,
    version = n.version,
    position = n.position,
    deleted = n.deleted,
    assigned_to = n.assigned_to,
    claimed = n.claimed,
    claimed_by = n.claimed_by,
    lease_expires_at = n.lease_expires_at,
    session_state = n.session_state,
    due_date = n.due_date,
    updated_at = n.updated_at,
    completed_at = n.completed_at,
    labels = n.labels::text[],
    search_text = n.search_text,
    heard_at = n.heard_at,
    project_id = n.project_id
from unnest(
    $1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::boolean[], $7::uuid[],
    $8::boolean[], $9::uuid[], $10::timestamptz[], $11::text[], $12::date[], $13::timestamptz[],
    $14::timestamptz[], $15::text[], $16::text[], $17::timestamptz[], $18::uuid[], $19::bigint[]
) as n (
    account_id, task_id, state, version, position, deleted, assigned_to, claimed, claimed_by,
    lease_expires_at, session_state, due_date, updated_at, completed_at, labels, search_text,
    heard_at, project_id, version_before
)
where t.account_id = n.account_id
  and t.task_id = n.task_id
  and t.version = n.version_before
