insert into public.task_dependents (account_id, dependency, dependent)
select $1, dependency, $2
from unnest($3::uuid[]) as dependency
