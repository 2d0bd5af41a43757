-- All rows by key, to derive their lists.
select t.account_id, t.task_id, t.state::text as state
from tasks t
where (t.account_id, t.task_id) > ($1::text, $2::uuid)
order by t.account_id, t.task_id
limit $3
