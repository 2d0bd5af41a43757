-- First attempts in log order, at least one, until their bodies fill a page.
select delivery_id, position, event_type, lane, body, attempt
from (
    select delivery_id, position, event_type, lane, body, attempt,
           sum(body_bytes) over (order by position) - body_bytes as bytes_before
    from (
        select delivery_id, position, event_type, lane, body, body_bytes, attempt
        from public.webhook_deliveries
        where webhook_id = $1
          and state = 'due'
          and attempt = 0
          and position > $2
        order by position
        limit $3
    ) as page
) as sized
where bytes_before < $4
order by position
