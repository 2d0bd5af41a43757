-- The first events of several streams, stream by stream: one probe of the index for each.
select e.position, e.account_seq, e.account_id, e.stream_kind, e.stream_id, e.version, e.event_id,
       e.event_type, e.schema_version, e.payload, e.actor, e.correlation_id, e.causation_id,
       e.recorded_at, e.content_hash
from unnest($1::text[], $2::text[], $3::text[])
    with ordinality as s (account_id, stream_kind, stream_id, ordinal)
cross join lateral (
    select v.position, v.account_seq, v.account_id, v.stream_kind, v.stream_id, v.version,
           v.event_id, v.event_type, v.schema_version, v.payload::text as payload, v.actor,
           v.correlation_id, v.causation_id, v.recorded_at, v.content_hash
    from public.events v
    where v.account_id = s.account_id
      and v.stream_kind = s.stream_kind
      and v.stream_id = s.stream_id
    order by v.version
    limit $4
) e
order by s.ordinal, e.version
