update public.subscriptions
set epoch = epoch + 1, holder = 'another', lease_until = clock_timestamp() + interval '1 hour'
where name = 'webhooks'
