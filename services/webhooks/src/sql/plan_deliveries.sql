insert into public.webhook_deliveries (
    delivery_id, account_id, webhook_id, position, event_id, event_type, lane, body, body_bytes
)
select delivery_id, account_id, webhook_id, position, event_id, event_type, lane, body,
       octet_length(body)
from unnest(
    $1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::uuid[], $6::text[], $7::text[],
    $8::text[]
) as planned (
    delivery_id, account_id, webhook_id, position, event_id, event_type, lane, body
)
