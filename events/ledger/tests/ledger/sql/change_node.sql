update public.ledger_nodes set hash = decode(repeat('ab', 32), 'hex') where account_id = 'acme'
