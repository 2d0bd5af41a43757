-- One page of an account's events above one number and up to another.
select e.position, e.account_seq, e.account_id, e.stream_kind, e.stream_id, e.version, e.event_id,
       e.event_type, e.schema_version, e.payload, e.actor, e.correlation_id, e.causation_id,
       e.recorded_at, e.content_hash
from public.events e
where e.account_id = $1
  and e.account_seq > $2
  and e.account_seq <= $3
order by e.account_seq
limit $4
