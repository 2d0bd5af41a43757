-- In the transaction that plans the webhook's registration.
insert into public.webhook_backfills (webhook_id, account_id, position, through)
values ($1, $2, $3, $4)
