-- One page of the whole log: everything that claims a position above one and up to another. json
-- goes over the wire as the text that it is.
select e.position, e.account_seq, e.account_id, e.stream_kind, e.stream_id, e.version, e.event_id,
       e.event_type, e.schema_version, e.payload, e.actor, e.correlation_id, e.causation_id,
       e.recorded_at, e.content_hash
from public.events e
where e.position > $1
  and e.position <= $2
order by e.position
