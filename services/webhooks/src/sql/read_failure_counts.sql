select webhook_id, failure_count from public.webhook_health where account_id = $1
