insert into read.task_lists (list_id, status, rank, priority, created_at, task_id)
select n.list_id, n.status, n.rank, n.priority, n.created_at, n.task_id
from unnest(
    $1::uuid[], $2::smallint[], $3::bigint[], $4::smallint[], $5::timestamptz[], $6::uuid[]
) as n (list_id, status, rank, priority, created_at, task_id)
