-- What docs/operations.md says of building the ledger once more.
begin;
delete from public.ledger_nodes;
delete from public.ledger_trees;
delete from public.ledger_anchored;
update public.subscriptions set position = 0 where name = 'ledger';
commit;
