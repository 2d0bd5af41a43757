update public.webhook_backfills set account_id = 'is none' where webhook_id = $1
