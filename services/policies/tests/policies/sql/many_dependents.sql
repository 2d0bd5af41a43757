insert into public.task_dependents (account_id, dependency, dependent)
select $1, gen_random_uuid(), gen_random_uuid()
from generate_series(1, $2::bigint) as n
