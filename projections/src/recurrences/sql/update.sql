-- Recurrences that a batch changes, from exactly the version that each was folded on.
update read.recurrences r
set state = n.state::json,
    version = n.version,
    position = n.position,
    created_by = n.created_by,
    assigned_to = n.assigned_to,
    deleted = n.deleted
from unnest(
    $1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::uuid[], $7::uuid[],
    $8::boolean[], $9::bigint[]
) as n (
    account_id, recurrence_id, state, version, position, created_by, assigned_to, deleted,
    version_before
)
where r.account_id = n.account_id
  and r.recurrence_id = n.recurrence_id
  and r.version = n.version_before
