select
    max(s.n_tup_ins) filter (where s.relname = 'events') as inserted,
    sum(s.seq_scan)::bigint as sequential_scans
from pg_stat_user_tables s
where s.relname in ('events', 'idempotency_keys')
