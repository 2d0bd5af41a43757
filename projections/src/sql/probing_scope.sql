-- For the rest of the transaction: whose tables unqualified names mean, and plans that probe by
-- key whatever the statistics of a filling table say.
select set_config('search_path', $1, true),
       set_config('enable_seqscan', 'off', true),
       set_config('enable_bitmapscan', 'off', true),
       set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true),
       set_config('jit', 'off', true)
