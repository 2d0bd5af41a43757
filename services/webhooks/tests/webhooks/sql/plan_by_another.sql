insert into public.webhook_deliveries (
    delivery_id, account_id, webhook_id, position, event_id, event_type, lane, body, body_bytes
)
select gen_random_uuid(), account_id, webhook_id, position + 1, event_id, event_type, lane, body,
       body_bytes
from public.webhook_deliveries
