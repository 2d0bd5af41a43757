-- One page of an account's events above a position ($2): of the next $3, those that the filter
-- lets pass, at most $4. The answer has one row even where none does.
-- read_stream_page.sql does the same for one stream: a change here must be made there too.
with recursive head as (
    select e.account_seq, e.position
    from public.events e
    where e.account_id = $1
    order by e.account_seq desc
    limit 1
),
-- Positions rise with account_seq, so the place is found by halving: the event at `low` is at or
-- below the position, the one at `high` is above it. No event is below its own account_seq.
place (low, high) as (
    select 0::bigint, least(h.account_seq, $2::bigint) + 1
    from head h
    union all
    select case when m.position <= $2 then m.account_seq else p.low end,
           case when m.position <= $2 then p.high else m.account_seq end
    from place p
    -- A limit keeps this a probe of the index, whatever the planner thinks of the table.
    cross join lateral (
        select e.account_seq, e.position
        from public.events e
        where e.account_id = $1
          and e.account_seq = (p.low + p.high) / 2
        limit 1
    ) m
    where p.high - p.low > 1
),
examined as (
    select e.position, e.event_type, e.actor, e.correlation_id
    from public.events e
    where e.account_id = $1
      and e.account_seq > (select max(p.low) from place p)
    order by e.account_seq
    limit $3
),
matched as (
    select x.position
    from examined x
    where (($5::text[] is null and $6::text[] is null)
           or x.event_type = any ($5)
           or split_part(x.event_type, '.', 1) = any ($6))
      and ($7::text is null or x.actor = $7)
      and ($8::uuid is null or x.correlation_id = $8)
    order by x.position
    limit $4
)
select h.position as head, (select max(x.position) from examined x) as examined_to, e.position,
       e.account_seq, e.account_id, e.stream_kind, e.stream_id, e.version, e.event_id,
       e.event_type, e.schema_version, e.payload, e.actor, e.correlation_id, e.causation_id,
       e.recorded_at, e.content_hash
from head h
left join matched m on true
left join lateral (
    select v.position, v.account_seq, v.account_id, v.stream_kind, v.stream_id, v.version,
           v.event_id, v.event_type, v.schema_version, v.payload::text as payload, v.actor,
           v.correlation_id, v.causation_id, v.recorded_at, v.content_hash
    from public.events v
    where v.position = m.position
    limit 1
) e on true
order by e.position
