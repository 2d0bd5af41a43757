-- Whether everything that was witnessed is on disk, and what the sessions were set to.
select
    bool_and(w.wal < pg_current_wal_flush_lsn()) as flushed,
    array_agg(distinct w.synchronous_commit) as synchronous_commit
from public.witness w
