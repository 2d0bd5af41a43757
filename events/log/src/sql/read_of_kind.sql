-- One page of the streams of a kind, in a stretch of the whole log.
select e.position, e.account_seq, e.account_id, e.stream_kind, e.stream_id, e.version, e.event_id,
       e.event_type, e.schema_version, e.payload::text as payload, e.actor, e.correlation_id,
       e.causation_id, e.recorded_at, e.content_hash
from public.events e
where e.stream_kind = $1
  and e.position > $2
  and e.position <= $3
order by e.position
limit $4
