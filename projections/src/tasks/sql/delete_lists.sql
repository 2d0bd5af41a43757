delete from task_lists i
using unnest(
    $1::text[], $2::text[], $3::text[], $4::smallint[], $5::timestamptz[], $6::uuid[]
) as o (account_id, list, status, priority, created_at, task_id)
where i.account_id = o.account_id
  and i.list = o.list
  and i.status = o.status
  and i.priority = o.priority
  and i.created_at = o.created_at
  and i.task_id = o.task_id
