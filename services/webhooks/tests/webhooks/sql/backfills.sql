select position from public.webhook_backfills order by webhook_id
