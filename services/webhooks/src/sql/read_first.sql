-- First attempts in log order, at least one, until their bodies fill a page.
select delivery_id, position, event_type, lane, body, attempt, attempts_before, requested_position
from (
    select delivery_id, position, event_type, lane, body, attempt, attempts_before,
           requested_position, sum(body_bytes) over (order by position) - body_bytes as bytes_before
    from (
        select delivery_id, position, event_type, lane, body, body_bytes, attempt,
               attempts_before, requested_position
        from public.webhook_deliveries
        where webhook_id = $1
          and state = 'due'
          and attempt = 0
          and requested_position = 0
          and position > $2
          and position <= $3
        order by position
        limit $4
    ) as page
) as sized
where bytes_before < $5
order by position
