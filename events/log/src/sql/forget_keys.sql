delete from public.idempotency_keys k
where k.created_at <= clock_timestamp() - interval '24 hours'
