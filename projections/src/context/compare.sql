-- Rows that the live and the rebuilt model do not share, byte for byte.
select 'context_entries' as table_name,
       coalesce(live.account_id, rebuilt.account_id) || '/'
           || coalesce(live.task_id, rebuilt.task_id)::text || '/'
           || coalesce(live.entry, rebuilt.entry)::text as key,
       to_json(live)::text as live,
       to_json(rebuilt)::text as rebuilt
from read.context_entries live
full join rebuild_context.context_entries rebuilt
    on rebuilt.account_id = live.account_id
    and rebuilt.task_id = live.task_id
    and rebuilt.entry = live.entry
where live::text is distinct from rebuilt::text
limit $1
