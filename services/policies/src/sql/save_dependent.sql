insert into public.task_dependents (account_id, dependency, dependent)
select distinct $1::text, dependency, $2::uuid
from unnest($3::uuid[]) as dependency
