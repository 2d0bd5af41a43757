update public.events
set payload = '{"number": 7}'
where account_id = 'acme' and account_seq = 301
