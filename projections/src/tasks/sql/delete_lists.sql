delete from read.task_lists i
using unnest(
    $1::text[], $2::text[], $3::text[], $4::bigint[], $5::smallint[], $6::timestamptz[],
    $7::uuid[]
) as o (account_id, list, status, rank, priority, created_at, task_id)
where i.account_id = o.account_id
  and i.list = o.list
  and i.status = o.status
  and i.rank = o.rank
  and i.priority = o.priority
  and i.created_at = o.created_at
  and i.task_id = o.task_id
