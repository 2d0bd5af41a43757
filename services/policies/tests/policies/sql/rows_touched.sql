-- By this transaction so far: rows of the table, entries of its indexes.
select (
    pg_stat_get_xact_tuples_returned('public.task_dependents'::regclass)
    + sum(pg_stat_get_xact_tuples_returned(i.indexrelid))
)::bigint
from pg_catalog.pg_index i
where i.indrelid = 'public.task_dependents'::regclass
