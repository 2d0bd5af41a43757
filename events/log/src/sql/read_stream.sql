-- One page of one stream, above a version and up to a cut.
select e.position, e.account_seq, e.account_id, e.stream_kind, e.stream_id, e.version, e.event_id,
       e.event_type, e.schema_version, e.payload::text as payload, e.actor, e.correlation_id,
       e.causation_id, e.recorded_at, e.content_hash
from public.events e
where e.account_id = $1
  and e.stream_kind = $2
  and e.stream_id = $3
  and e.version > $4
  and e.version <= $5
  and e.position <= $6
order by e.version
limit $7
