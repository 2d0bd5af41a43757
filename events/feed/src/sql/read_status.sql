-- One snapshot of checkpoints and log, so that no lag is negative.
select s.name,
       s.position,
       greatest(head.position - s.position, 0) as lag,
       coalesce(
           greatest(extract(epoch from clock_timestamp() - waiting.recorded_at) * 1000, 0), 0
       )::bigint as lag_ms,
       coalesce(s.lease_until > clock_timestamp(), false) as held,
       s.holder,
       (extract(epoch from s.lease_until - clock_timestamp()) * 1000)::bigint as lease_ms,
       s.failure,
       s.failed_position,
       s.failed_at
from public.subscriptions s
cross join (select coalesce(max(e.position), 0) as position from public.events e) as head
left join public.events waiting on waiting.position = s.position + 1
order by s.name
