-- The first tasks of a lane of the queue that may be claimed and whose turn comes after that one:
-- the open ones of a list, in its order, and those whose lease has ended, of which the longest
-- ended are looked at. Either must stand in all of some other lists too.
select c.priority, c.created_at, c.task_id
from (
    (
        select i.priority, i.created_at, i.task_id
        from read.task_lists i
        where i.list_id = $1
          and i.status = $9
          and i.rank = 0
          and (i.priority, i.created_at, i.task_id)
              > ($5::smallint, $6::timestamptz, $7::uuid)
          and cardinality($2::uuid[]) = (
              select count(*)
              from unnest($2::uuid[]) as n (list_id)
              join read.task_lists r
                  on r.list_id = n.list_id
                  and r.status = i.status
                  and r.rank = 0
                  and r.priority = i.priority
                  and r.created_at = i.created_at
                  and r.task_id = i.task_id
          )
        order by i.priority, i.created_at, i.task_id
        limit $11
    )
    union all
    (
        select e.priority, e.created_at, e.task_id
        from (
            select i.priority, i.created_at, i.task_id
            from read.task_lists i
            where i.list_id = $3
              and i.status = $10
              and i.rank <= $8
              and cardinality($4::uuid[]) = (
                  select count(*)
                  from unnest($4::uuid[]) as n (list_id)
                  join read.task_lists r
                      on r.list_id = n.list_id
                      and r.status = i.status
                      and r.rank = 0
                      and r.priority = i.priority
                      and r.created_at = i.created_at
                      and r.task_id = i.task_id
              )
            order by i.rank, i.priority, i.created_at, i.task_id
            limit 1000
        ) e
        where (e.priority, e.created_at, e.task_id)
              > ($5::smallint, $6::timestamptz, $7::uuid)
    )
) c
order by c.priority, c.created_at, c.task_id
limit $11
