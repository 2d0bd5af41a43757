-- Ends whoever has held the append lock ('batonlog', see baton_append_batch) for longer than any append
-- may take: a client that stopped between its last two protocol messages is reached by no timeout
-- of Postgres 15. It is safe: that transaction has not committed and now never will.
select pg_terminate_backend(l.pid)
from pg_locks l
join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory'
  and l.database = (select d.oid from pg_database d where d.datname = current_database())
  and l.classid = (7089075310400663399 >> 32)::oid
  and l.objid = (7089075310400663399 & 4294967295)::oid
  and l.objsubid = 1
  and l.granted
  and a.xact_start < clock_timestamp() - make_interval(secs => $1)
  and l.pid <> pg_backend_pid()
