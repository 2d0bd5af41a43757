select account_id, dependency, dependent
from public.task_dependents
where (account_id, dependency) in (select * from unnest($1::text[], $2::uuid[]))
order by account_id, dependency, dependent
