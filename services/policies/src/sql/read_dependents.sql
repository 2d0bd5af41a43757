select dependent
from public.task_dependents
where account_id = $1 and dependency = $2
