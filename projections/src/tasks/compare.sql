-- Rows that the live and the rebuilt model do not share. Whole rows compare as text:
-- every byte counts.
select 'tasks' as table_name,
       coalesce(live.account_id, rebuilt.account_id) || '/'
           || coalesce(live.task_id, rebuilt.task_id)::text as key,
       to_json(live)::text as live,
       to_json(rebuilt)::text as rebuilt
from read.tasks live
full join rebuild_tasks.tasks rebuilt
    on rebuilt.account_id = live.account_id and rebuilt.task_id = live.task_id
where live::text is distinct from rebuilt::text
union all
select 'task_lists',
       coalesce(live.task_id, rebuilt.task_id)::text || ' in '
           || coalesce(live.list_id, rebuilt.list_id)::text,
       to_json(live)::text,
       to_json(rebuilt)::text
from read.task_lists live
full join rebuild_tasks.task_lists rebuilt
    on rebuilt.list_id = live.list_id
    and rebuilt.status = live.status
    and rebuilt.rank = live.rank
    and rebuilt.priority = live.priority
    and rebuilt.created_at = live.created_at
    and rebuilt.task_id = live.task_id
where live is null or rebuilt is null
union all
select 'task_tallies',
       coalesce(live.account_id, rebuilt.account_id) || '/'
           || coalesce(live.tally, rebuilt.tally),
       to_json(live)::text,
       to_json(rebuilt)::text
from read.task_tallies live
full join rebuild_tasks.task_tallies rebuilt
    on rebuilt.account_id = live.account_id and rebuilt.tally = live.tally
where live::text is distinct from rebuilt::text
limit $1
