-- Its place in the account is given anew: only its position is missing.
update public.events set account_id = 'nobody' where account_id = 'acme' and account_seq = 301;
update public.events set position = position + 1 where account_id = 'nobody';
update public.events set account_id = 'acme' where account_id = 'nobody'
