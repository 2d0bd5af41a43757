-- First statement of a batch. No row: another holder has been at work, and the batch must go.
-- The idle bound lets a holder that was stopped in the middle of a batch stop nobody.
with settings as materialized (
    select set_config('synchronous_commit', $5, true),
           set_config('idle_in_transaction_session_timeout', $7, true)
)
update public.subscriptions s
set position = $4,
    lease_until = clock_timestamp() + make_interval(secs => $6),
    failure = null,
    failed_position = null,
    failed_at = null,
    updated_at = clock_timestamp()
from settings
where s.name = $1 and s.epoch = $2 and s.position = $3
