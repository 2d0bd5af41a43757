insert into webhook_secrets (secret_id, account_id, sealed)
values ($1, $2, $3)
