-- Webhooks new in a batch. One that is there already is a mistake, and its key says so.
insert into read.webhooks (account_id, webhook_id, state, version, position, created_at, deleted)
select n.account_id, n.webhook_id, n.state::json, n.version, n.position, n.created_at, n.deleted
from unnest(
    $1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::timestamptz[],
    $7::boolean[]
) as n (account_id, webhook_id, state, version, position, created_at, deleted)
