select webhook_id, account_id, state::text as state, version, dropped_through
from public.webhook_endpoints
