select w.state::text as state
from read.webhooks w
where w.account_id = $1 and w.webhook_id = $2 and not w.deleted
