-- A page of one or several lists: an ordered walk of each list in each status, merged.
--
-- Each walk stops at the page's end, so a page costs what its place costs, not what the lists
-- hold. A task that stands in several of the lists is shown once.
with page as materialized (
    select walked.rank, walked.priority, walked.created_at, walked.task_id
    from unnest($2::uuid[], $3::smallint[]) as l (list_id, status)
    cross join lateral (
        select i.rank, i.priority, i.created_at, i.task_id
        from read.task_lists i
        left join read.tasks t on t.account_id = $1 and t.task_id = i.task_id
        where i.list_id = l.list_id
          and i.status = l.status
          /* filter.sql */
        order by i.rank, i.priority, i.created_at, i.task_id
        limit $18::bigint + $19::bigint
    ) walked
    group by walked.rank, walked.priority, walked.created_at, walked.task_id
    order by walked.rank, walked.priority, walked.created_at, walked.task_id
    offset $18::bigint
    limit $19::bigint
)
select t.state::text as state
from page p
join read.tasks t on t.account_id = $1 and t.task_id = p.task_id
order by p.rank, p.priority, p.created_at, p.task_id
