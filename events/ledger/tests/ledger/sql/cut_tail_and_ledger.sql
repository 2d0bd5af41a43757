delete from public.events where position > 299;
delete from public.ledger_nodes;
delete from public.ledger_trees;
delete from public.ledger_anchored;
update public.subscriptions set position = 0 where name = 'ledger'
