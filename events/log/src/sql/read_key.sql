select k.request_hash, k.stream_kind, k.stream_id, k.version, k.position, k.recorded_at, k.sealed
from public.idempotency_keys k
where k.account_id = $1
  and k.credential = $2
  and k.key = $3
  and k.created_at > clock_timestamp() - interval '24 hours'
