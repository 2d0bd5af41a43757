-- First statement of a backfill's transaction. No row: another holder has been at work, or the
-- webhook is off, and nothing may stay. The idle bound lets a holder that was stopped in the
-- middle stop nobody.
with settings as materialized (
    select set_config('synchronous_commit', 'off', true),
           set_config('idle_in_transaction_session_timeout', '10s', true)
)
update public.webhook_backfills b
set position = $3
from settings
where b.webhook_id = $1
  and b.position = $2
  and exists (select from public.subscriptions s where s.name = $4 and s.epoch = $5)
