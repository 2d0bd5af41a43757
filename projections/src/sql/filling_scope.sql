-- For the rest of the transaction: time to write many rows, whatever bounds the pool sets for
-- requests; a crash takes them anyway.
select set_config('statement_timeout', '0', true),
       set_config('idle_in_transaction_session_timeout', '0', true),
       set_config('synchronous_commit', 'off', true)
