update public.subscriptions
set failure = $3,
    failed_position = $4,
    failed_at = clock_timestamp(),
    lease_until = clock_timestamp() + make_interval(secs => $5),
    updated_at = clock_timestamp()
where name = $1 and epoch = $2
