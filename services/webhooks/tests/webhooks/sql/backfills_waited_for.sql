select exists (
    select from pg_catalog.pg_stat_activity
    where datname = current_database()
      and wait_event_type = 'Lock'
      and query ilike '%webhook_backfills%'
)
