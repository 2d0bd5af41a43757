-- The rows that a batch changes.
select r.account_id, r.recurrence_id as id, r.state::text as state, r.version
from unnest($1::text[], $2::uuid[]) as k (account_id, recurrence_id)
join read.recurrences r
    on r.account_id = k.account_id and r.recurrence_id = k.recurrence_id
