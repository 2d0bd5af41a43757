update public.webhook_health set failure_count = 10 where webhook_id = $1
