select e.position, e.account_id, e.account_seq, e.recorded_at
from public.events e
order by e.position
