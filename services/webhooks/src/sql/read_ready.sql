select webhook_id, position from public.webhook_backfills
