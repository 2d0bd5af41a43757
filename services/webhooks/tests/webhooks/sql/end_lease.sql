update public.subscriptions set lease_until = clock_timestamp() where name = 'webhooks'
