-- For the rest of the transaction: whose tables unqualified names mean; time to fill, index and
-- compare them, whatever bounds the pool sets for requests; room to sort; any plan.
select set_config('search_path', $1, true),
       set_config('statement_timeout', '0', true),
       set_config('idle_in_transaction_session_timeout', '0', true),
       set_config('synchronous_commit', 'off', true),
       set_config('maintenance_work_mem', '256MB', true),
       set_config('work_mem', '64MB', true),
       set_config('enable_seqscan', 'on', true),
       set_config('enable_bitmapscan', 'on', true),
       set_config('enable_hashjoin', 'on', true),
       set_config('enable_mergejoin', 'on', true),
       set_config('jit', 'off', true)
