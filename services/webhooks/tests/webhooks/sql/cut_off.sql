update public.subscriptions
set epoch = epoch + 1, holder = 'another', lease_until = clock_timestamp()
where name = 'webhooks'
