-- The first event of a task's stream.
select e.position, e.account_seq, e.account_id, e.stream_kind, e.stream_id, e.version, e.event_id,
       e.event_type, e.schema_version, e.payload, e.actor, e.correlation_id, e.causation_id,
       e.recorded_at, e.content_hash
from public.events e
where e.account_id = $1
  and e.stream_kind = 'task'
  and e.stream_id = $2
  and e.version = 1
limit 1
