update public.webhook_deliveries set requested_position = position + 1 where event_type = $1
