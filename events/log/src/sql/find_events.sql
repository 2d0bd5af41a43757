select e.event_id, e.position, e.account_seq, e.recorded_at
from public.events e
where e.event_id = any ($1::uuid[])
