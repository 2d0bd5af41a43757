delete from public.webhook_secrets where secret_id = $1
