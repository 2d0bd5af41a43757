select pg_terminate_backend(pid)
from pg_catalog.pg_stat_activity
where datname = $1 and state = 'idle in transaction'
