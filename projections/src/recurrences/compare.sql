-- Rows that the live and the rebuilt model do not share, byte for byte.
select 'recurrences' as table_name,
       coalesce(live.account_id, rebuilt.account_id) || '/'
           || coalesce(live.recurrence_id, rebuilt.recurrence_id)::text as key,
       to_json(live)::text as live,
       to_json(rebuilt)::text as rebuilt
from read.recurrences live
full join rebuild_recurrences.recurrences rebuilt
    on rebuilt.account_id = live.account_id and rebuilt.recurrence_id = live.recurrence_id
where live::text is distinct from rebuilt::text
limit $1
