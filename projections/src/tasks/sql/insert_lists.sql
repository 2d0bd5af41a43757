insert into read.task_lists (account_id, list, status, rank, priority, created_at, task_id)
select n.account_id, n.list, n.status, n.rank, n.priority, n.created_at, n.task_id
from unnest(
    $1::text[], $2::text[], $3::text[], $4::bigint[], $5::smallint[], $6::timestamptz[],
    $7::uuid[]
) as n (account_id, list, status, rank, priority, created_at, task_id)
