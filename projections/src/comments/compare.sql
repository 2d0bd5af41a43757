-- Rows that the live and the rebuilt model do not share, byte for byte.
select 'comments' as table_name,
       coalesce(live.account_id, rebuilt.account_id) || '/'
           || coalesce(live.task_id, rebuilt.task_id)::text || '/'
           || coalesce(live.comment_id, rebuilt.comment_id)::text as key,
       to_json(live)::text as live,
       to_json(rebuilt)::text as rebuilt
from read.comments live
full join rebuild_comments.comments rebuilt
    on rebuilt.account_id = live.account_id
    and rebuilt.task_id = live.task_id
    and rebuilt.comment_id = live.comment_id
where live::text is distinct from rebuilt::text
limit $1
