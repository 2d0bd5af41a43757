-- The first tasks of a list that has an order of its own, up to a rank; with readers, those of them
-- that stand in one of their lists too.
select walked.rank, walked.priority, walked.created_at, walked.task_id
from unnest($2::smallint[]) as s (status)
cross join lateral (
    select i.rank, i.priority, i.created_at, i.task_id
    from read.task_lists i
    where i.list_id = $1
      and i.status = s.status
      and i.rank <= $3
      and ($4::uuid[] is null or exists (
          select
          from read.task_lists r
          where r.list_id = any ($4)
            and r.status = i.status
            and r.rank = 0
            and r.priority = i.priority
            and r.created_at = i.created_at
            and r.task_id = i.task_id
          offset 0 -- keeps it a probe of one key, never a join
      ))
    order by i.rank, i.priority, i.created_at, i.task_id
    limit $5
) walked
order by walked.rank, walked.priority, walked.created_at, walked.task_id
limit $5
