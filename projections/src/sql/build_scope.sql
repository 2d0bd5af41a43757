-- For the rest of the transaction: whose tables unqualified names mean, time to fill and to index
-- them, whatever bound the pool sets for requests, and room to sort.
select set_config('search_path', $1, true),
       set_config('statement_timeout', '0', true),
       set_config('idle_in_transaction_session_timeout', '0', true),
       set_config('maintenance_work_mem', '256MB', true),
       set_config('synchronous_commit', 'off', true)
