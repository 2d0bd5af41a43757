select state from public.webhook_deliveries where webhook_id = $1 order by position
