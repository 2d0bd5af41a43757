-- A page of lists in an order in which none are kept: everything in them, sorted.
with page as materialized (
    select distinct i.priority, i.created_at, i.task_id,
           case $20::text
               when 'updated' then -date_part('epoch', t.updated_at)
               when 'due' then t.due_date - date '2000-01-01'
               when 'completed' then -date_part('epoch', t.completed_at)
           end as rank
    from read.task_lists i
    join read.tasks t on t.account_id = $1 and t.task_id = i.task_id
    where i.list_id = any ($2::uuid[])
      and i.status = any ($3::smallint[])
      /* filter.sql */
    order by rank nulls last, i.priority, i.created_at, i.task_id
    offset $18::bigint
    limit $19::bigint
)
select t.state::text as state
from page p
join read.tasks t on t.account_id = $1 and t.task_id = p.task_id
order by p.rank nulls last, p.priority, p.created_at, p.task_id
