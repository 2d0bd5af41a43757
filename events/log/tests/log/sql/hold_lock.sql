begin;
select pg_advisory_xact_lock(7089075310400663399);
