-- For the rest of the transaction: plans that probe by key whatever the statistics say. What was
-- prepared while a table was nearly empty would else go on reading all of it. Bitmaps are for
-- an index that has nothing else ($1); rows that are wanted in an order come without.
select set_config('enable_seqscan', 'off', true),
       set_config('enable_bitmapscan', $1, true),
       set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true),
       set_config('jit', 'off', true)
