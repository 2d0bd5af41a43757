insert into public.webhook_health (webhook_id, account_id)
values ($1, $2)
on conflict (webhook_id) do update
set failure_count = 0
