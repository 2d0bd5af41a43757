delete from public.task_dependents
where account_id = $1 and dependent = $2
