update public.subscriptions
set lease_until = clock_timestamp() + make_interval(secs => $3), updated_at = clock_timestamp()
where name = $1 and epoch = $2
