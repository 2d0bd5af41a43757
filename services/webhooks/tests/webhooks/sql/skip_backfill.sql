update public.webhook_backfills set position = through - 1
