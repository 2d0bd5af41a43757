insert into public.task_dependents (account_id, dependency, dependent)
values ($1, $2, $3)
