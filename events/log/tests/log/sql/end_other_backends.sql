select pg_terminate_backend(a.pid)
from pg_stat_activity a
where a.datname = current_database()
  and a.usename = current_user
  and a.pid <> pg_backend_pid()
