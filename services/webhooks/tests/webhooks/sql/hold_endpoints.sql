begin;
lock table public.webhook_endpoints in access exclusive mode
