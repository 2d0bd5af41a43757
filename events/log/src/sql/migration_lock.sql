-- 'batonmig' in ASCII. Session level: refinery commits once per migration.
select pg_advisory_lock(7089075310400727399)
