select count(*) from public.webhook_deliveries where webhook_id = $1
