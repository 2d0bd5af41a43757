-- Free, one's own, or run out by this server's clock: nobody compares clocks of two machines.
update public.subscriptions
set epoch = epoch + 1,
    holder = $2,
    lease_until = clock_timestamp() + make_interval(secs => $3),
    updated_at = clock_timestamp()
where name = $1
  and (holder is null or holder = $2 or lease_until <= clock_timestamp())
returning epoch, position, failure is not null as is_failed
