select account_id, dependency, dependent
from public.baton_dependents_of($1, $2)
