-- read_effects
-- The events of an account ($1) that any of these ($2, at positions $3) led to, in order: at most
-- $4. Nothing leads to what was before it, whatever says so.
select e.position, e.account_id, e.stream_kind, e.stream_id, e.version, e.event_id, e.event_type,
       e.actor, e.correlation_id, e.causation_id, e.recorded_at
from unnest($2::uuid[], $3::bigint[]) as c(event_id, position)
cross join lateral (
    -- Each in the order of its index, and no more than can be wanted.
    select v.position, v.account_id, v.stream_kind, v.stream_id, v.version, v.event_id,
           v.event_type, v.actor, v.correlation_id, v.causation_id, v.recorded_at
    from public.events v
    where v.causation_id = c.event_id
      and v.causation_id is not null
      and v.position > c.position
      and v.account_id = $1
    order by v.position
    limit $4
) e
order by e.position
limit $4
