-- One page of the whole log above a position, and whatever else claims the last position of it.
-- json goes over the wire as the text that it is.
select e.position, e.account_seq, e.account_id, e.stream_kind, e.stream_id, e.version, e.event_id,
       e.event_type, e.schema_version, e.payload, e.actor, e.correlation_id, e.causation_id,
       e.recorded_at, e.content_hash
from public.events e
where e.position > $1
order by e.position
fetch first ($2::bigint) rows with ties
