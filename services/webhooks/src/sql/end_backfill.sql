delete from public.webhook_backfills where webhook_id = $1
