select l.log_id
from public.ledger_log l
