-- The tallies of the tasks in some lists, under the names that they have for all tasks. `$5` are the
-- words of the statuses, each in the place of its code.
with own as materialized (
    select distinct i.task_id, i.status
    from read.task_lists i
    where i.list_id = any ($2::uuid[])
), own_task as materialized (
    select ($5::text[])[o.status + 1] as status,
           o.status = any ($3::smallint[]) as unfinished,
           t.project_id,
           t.due_date,
           (t.completed_at at time zone 'UTC')::date as completed_on
    from own o
    join read.tasks t on t.account_id = $1 and t.task_id = o.task_id
)
select 'status:' || o.status as tally, count(*) as tasks
from own_task o
group by o.status
union all
select 'project:' || coalesce(o.project_id::text, ''), count(*)
from own_task o
where o.unfinished
group by o.project_id
union all
select 'due:' || to_char(o.due_date, 'YYYY-MM-DD'), count(*)
from own_task o
where o.unfinished and o.due_date is not null
group by o.due_date
union all
select 'completed:' || to_char(o.completed_on, 'YYYY-MM-DD'), count(*)
from own_task o
where o.status = 'completed' and o.completed_on = $4::date
group by o.completed_on
