-- Tasks that changed after their lists were written.
insert into rebuild_tasks.changed (account_id, task_id)
select n.account_id, n.task_id
from unnest($1::text[], $2::uuid[]) as n (account_id, task_id)
on conflict do nothing
