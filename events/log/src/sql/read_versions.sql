-- The version each named stream is at: one index probe per stream.
select coalesce(
    (
        select e.version
        from public.events e
        where e.account_id = s.account_id
          and e.stream_kind = s.stream_kind
          and e.stream_id = s.stream_id
        order by e.version desc
        limit 1
    ),
    0
) as version
from unnest($1::text[], $2::text[], $3::text[])
    with ordinality as s(account_id, stream_kind, stream_id, ordinal)
order by s.ordinal
