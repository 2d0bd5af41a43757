-- Who serves this session. A pid alone may be taken again by another backend.
select a.pid, a.backend_start
from pg_stat_activity a
where a.pid = pg_backend_pid()
