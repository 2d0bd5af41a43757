insert into public.ledger_nodes (account_id, level, node_index, hash)
select n.account_id, n.level, n.node_index, n.hash
from unnest($1::text[], $2::smallint[], $3::bigint[], $4::bytea[])
    as n (account_id, level, node_index, hash)
