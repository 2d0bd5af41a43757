-- Whose code made the live tables; and for the rest of the transaction plans that probe by key
-- whatever the statistics say, made once a connection.
select m.version,
       set_config('plan_cache_mode', 'force_generic_plan', true),
       set_config('enable_seqscan', 'off', true),
       set_config('enable_bitmapscan', 'off', true),
       set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true),
       set_config('jit', 'off', true)
from read.models m
where m.name = $1
