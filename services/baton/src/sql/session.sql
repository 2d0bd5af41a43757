-- Of each pooled connection. What is prepared while a table is small, and its statistics say so,
-- must not read all of it when it has grown: an index wherever there is one. The cost of plans
-- without one would call for a compiler.
select set_config('enable_seqscan', 'off', false),
       set_config('jit', 'off', false)
