-- One page of the streams of a kind, in a stretch of the whole log: of some types ($5), where any
-- are named, and of these only those that say the text beside the type ($6), where there is one.
select e.position, e.account_seq, e.account_id, e.stream_kind, e.stream_id, e.version, e.event_id,
       e.event_type, e.schema_version, e.payload::text as payload, e.actor, e.correlation_id,
       e.causation_id, e.recorded_at, e.content_hash
from public.events e
where e.stream_kind = $1
  and e.position > $2
  and e.position <= $3
  and ($5::text[] is null
       or e.event_type = any ($5)
          and exists (
              select
              from unnest($5, $6::text[]) as w (event_type, says)
              where w.event_type = e.event_type
                and (w.says is null or strpos(e.payload::text, w.says) > 0)
          ))
order by e.position
limit $4
