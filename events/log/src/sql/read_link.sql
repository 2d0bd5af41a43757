-- read_link
-- One event ($2) of an account ($1), or of any: what is told of it without its payload.
select e.position, e.account_id, e.stream_kind, e.stream_id, e.version, e.event_id, e.event_type,
       e.actor, e.correlation_id, e.causation_id, e.recorded_at
from public.events e
where e.event_id = $2
  and ($1::text is null or e.account_id = $1)
