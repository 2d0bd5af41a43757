insert into public.ledger_trees (
    account_id, size, position, recorded_at, frontier, root, note, signed_at
)
select t.account_id, t.size, t.position, t.recorded_at, t.frontier, t.root, t.note,
       clock_timestamp()
from unnest(
    $1::text[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::bytea[], $6::bytea[], $7::text[]
) as t (account_id, size, position, recorded_at, frontier, root, note)
on conflict (account_id) do update set
    size = excluded.size,
    position = excluded.position,
    recorded_at = excluded.recorded_at,
    frontier = excluded.frontier,
    root = excluded.root,
    note = excluded.note,
    signed_at = excluded.signed_at
