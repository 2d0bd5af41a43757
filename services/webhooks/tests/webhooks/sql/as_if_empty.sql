-- Nobody corrects what the statistics say.
alter table public.webhook_deliveries set (autovacuum_enabled = off);
alter table public.webhook_health set (autovacuum_enabled = off);
-- The worst that they can say.
vacuum analyze public.webhook_deliveries;
vacuum analyze public.webhook_health
