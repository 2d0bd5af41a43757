select w.state::text as state
from read.webhooks w
where w.account_id = $1 and not w.deleted
order by w.created_at, w.webhook_id
limit $2
