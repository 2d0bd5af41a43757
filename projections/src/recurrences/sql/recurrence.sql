select r.state::text as state
from read.recurrences r
where r.account_id = $1 and r.recurrence_id = $2 and not r.deleted
