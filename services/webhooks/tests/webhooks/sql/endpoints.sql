select webhook_id from public.webhook_endpoints order by webhook_id
