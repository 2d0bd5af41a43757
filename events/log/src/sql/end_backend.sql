select pg_terminate_backend(a.pid)
from pg_stat_activity a
where a.pid = $1
  and a.backend_start = $2
