select account_id, kind, id, due_at, event_id, correlation_id
from public.scheduled
where due_at is not null
  and (due_at, account_id, kind, id) > ($1, $2, $3, $4)
order by due_at, account_id, kind, id
limit $5
