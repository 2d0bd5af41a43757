select r.state::text as state
from read.recurrences r
where r.account_id = $1 and not r.deleted
order by r.created_at, r.recurrence_id
limit $2
