-- The rows that a batch changes.
select w.account_id, w.webhook_id as id, w.state::text as state, w.version
from unnest($1::text[], $2::uuid[]) as k (account_id, webhook_id)
join read.webhooks w on w.account_id = k.account_id and w.webhook_id = k.webhook_id
