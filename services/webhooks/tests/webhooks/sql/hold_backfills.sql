select position from public.webhook_backfills for update
