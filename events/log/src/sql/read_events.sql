-- read_events
-- These events ($2) of an account ($1), in order.
select e.position, e.account_seq, e.account_id, e.stream_kind, e.stream_id, e.version, e.event_id,
       e.event_type, e.schema_version, e.payload::text as payload, e.actor, e.correlation_id,
       e.causation_id, e.recorded_at, e.content_hash
from public.events e
where e.account_id = $1
  and e.event_id = any ($2::uuid[])
order by e.position
