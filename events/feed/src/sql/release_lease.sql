update public.subscriptions
set holder = null, lease_until = null, updated_at = clock_timestamp()
where name = $1 and epoch = $2
