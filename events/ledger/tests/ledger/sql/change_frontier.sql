update public.ledger_trees
set frontier = overlay(frontier placing '\xabababab' from 1)
where account_id = 'acme'
