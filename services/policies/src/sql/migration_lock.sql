-- 'batonmig' in ASCII, as for every table of Baton: one migration at a time. Session level:
-- refinery commits once per migration.
select pg_advisory_lock(7089075310400727399)
