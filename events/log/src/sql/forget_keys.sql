delete from public.idempotency_keys k
where k.created_at <= clock_timestamp() - greatest(interval '24 hours', make_interval(secs => $1))
