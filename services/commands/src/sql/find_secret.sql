select sealed
from webhook_secrets
where secret_id = $1 and account_id = $2
