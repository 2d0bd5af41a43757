select epoch,
       holder,
       (extract(epoch from lease_until - clock_timestamp()) * 1000)::bigint as left_ms
from public.subscriptions
where name = $1
