update public.subscriptions set lease_until = clock_timestamp() + interval '1 hour'
where name = $1 and lease_until is not null
