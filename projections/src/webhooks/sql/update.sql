-- Webhooks that a batch changes, from exactly the version that it was folded on.
update read.webhooks w
set state = n.state::json,
    version = n.version,
    position = n.position,
    deleted = n.deleted
from unnest(
    $1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::boolean[], $7::bigint[]
) as n (account_id, webhook_id, state, version, position, deleted, version_before)
where w.account_id = n.account_id
  and w.webhook_id = n.webhook_id
  and w.version = n.version_before
