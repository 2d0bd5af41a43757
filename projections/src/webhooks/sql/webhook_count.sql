-- How many webhooks an account has.
select count(*) as webhooks
from read.webhooks w
where w.account_id = $1 and not w.deleted
