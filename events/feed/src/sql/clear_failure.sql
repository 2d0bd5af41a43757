update public.subscriptions
set failure = null,
    failed_position = null,
    failed_at = null,
    updated_at = clock_timestamp()
where name = $1 and epoch = $2
