delete from public.events where account_id = 'acme' and account_seq = 290
