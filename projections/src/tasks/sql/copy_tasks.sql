-- Tasks of a model that is being built. One that is there already is a mistake: its key says so.
copy read.tasks (
    account_id, task_id, state, version, position, deleted, created_at, created_by, assigned_to,
    claimed, claimed_by, lease_expires_at, parent_id, root_id, delegation_depth, session_state,
    due_date, updated_at, completed_at, labels, search_text, heard_at, project_id
)
from stdin (format binary)
