update public.webhook_endpoints e
set dropped_through = (select max(d.position) from public.webhook_deliveries d)
