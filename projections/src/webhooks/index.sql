create index webhooks_created_at on webhooks (account_id, created_at, webhook_id)
    where not deleted;
