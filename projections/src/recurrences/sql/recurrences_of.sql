-- Those that an agent created, and those whose tasks are its own.
select r.state::text as state
from read.recurrences r
where r.account_id = $1 and (r.created_by = $3 or r.assigned_to = $3) and not r.deleted
order by r.created_at, r.recurrence_id
limit $2
