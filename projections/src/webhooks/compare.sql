-- Rows that the live and the rebuilt model do not share, byte for byte.
select 'webhooks' as table_name,
       coalesce(live.account_id, rebuilt.account_id) || '/'
           || coalesce(live.webhook_id, rebuilt.webhook_id)::text as key,
       to_json(live)::text as live,
       to_json(rebuilt)::text as rebuilt
from read.webhooks live
full join rebuild_webhooks.webhooks rebuilt
    on rebuilt.account_id = live.account_id and rebuilt.webhook_id = live.webhook_id
where live::text is distinct from rebuilt::text
limit $1
