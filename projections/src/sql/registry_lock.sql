-- 'batonmig' in ASCII, as for every table of Baton: one change of tables at a time.
select pg_advisory_xact_lock(7089075310400727399)
