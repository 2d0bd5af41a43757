-- Recurrences new in a batch. One that is there already is a mistake, and its key says so.
insert into read.recurrences (
    account_id, recurrence_id, state, version, position, created_by, assigned_to, deleted,
    created_at
)
select n.account_id, n.recurrence_id, n.state::json, n.version, n.position, n.created_by,
       n.assigned_to, n.deleted, n.created_at
from unnest(
    $1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::uuid[], $7::uuid[],
    $8::boolean[], $9::timestamptz[]
) as n (
    account_id, recurrence_id, state, version, position, created_by, assigned_to, deleted,
    created_at
)
