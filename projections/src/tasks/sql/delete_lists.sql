delete from read.task_lists i
using unnest(
    $1::uuid[], $2::smallint[], $3::bigint[], $4::smallint[], $5::timestamptz[], $6::uuid[]
) as o (list_id, status, rank, priority, created_at, task_id)
where i.list_id = o.list_id
  and i.status = o.status
  and i.rank = o.rank
  and i.priority = o.priority
  and i.created_at = o.created_at
  and i.task_id = o.task_id
