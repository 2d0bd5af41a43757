-- The first tasks of a lane of the queue that may be claimed and whose turn comes after that one:
-- the open ones of a list, in its order, and those whose lease has ended, of which the longest
-- ended are looked at. Either must stand in all of some other lists too.
select c.priority, c.created_at, c.task_id
from (
    (
        select i.priority, i.created_at, i.task_id
        from read.task_lists i
        where i.account_id = $1
          and i.list = $2
          and i.status = 'open'
          and i.rank = 0
          and (i.priority, i.created_at, i.task_id)
              > ($6::smallint, $7::timestamptz, $8::uuid)
          and cardinality($3::text[]) = (
              select count(*)
              from unnest($3::text[]) as n (list)
              join read.task_lists r
                  on r.account_id = i.account_id
                  and r.list = n.list
                  and r.status = i.status
                  and r.rank = 0
                  and r.priority = i.priority
                  and r.created_at = i.created_at
                  and r.task_id = i.task_id
          )
        order by i.priority, i.created_at, i.task_id
        limit $10
    )
    union all
    (
        select e.priority, e.created_at, e.task_id
        from (
            select i.priority, i.created_at, i.task_id
            from read.task_lists i
            where i.account_id = $1
              and i.list = $4
              and i.status = 'claimed'
              and i.rank <= $9
              and cardinality($5::text[]) = (
                  select count(*)
                  from unnest($5::text[]) as n (list)
                  join read.task_lists r
                      on r.account_id = i.account_id
                      and r.list = n.list
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
              > ($6::smallint, $7::timestamptz, $8::uuid)
    )
) c
order by c.priority, c.created_at, c.task_id
limit $10
