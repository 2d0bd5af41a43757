-- Once the backend that read them has ended; nothing before that.
select (s.seq_tup_read + s.idx_tup_fetch)::bigint
from pg_stat_user_tables s
where s.relname = 'webhook_deliveries'
  and not exists (select from pg_stat_activity a where a.pid = $1)
