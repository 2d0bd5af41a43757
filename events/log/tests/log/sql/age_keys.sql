update public.idempotency_keys set created_at = created_at - interval '25 hours'
