update public.subscriptions set lease_until = clock_timestamp() - interval '1 second'
where name = $1 and epoch = $2
