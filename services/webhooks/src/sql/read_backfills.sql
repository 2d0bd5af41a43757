-- What is left to plan for this holder of the subscription ($1, $2), and whether so little of it
-- waits to be sent ($3) that more may be planned: the rest is better kept in the log.
select b.webhook_id, b.account_id, b.position, b.through, e.state::text as state, e.version,
       e.dropped_through,
       (
           select count(*)
           from (
               select from public.webhook_deliveries d
               where d.webhook_id = b.webhook_id
                 and d.state = 'due'
                 and d.attempt = 0
                 and d.position <= b.position
                 and d.position > e.dropped_through
               limit $3
           ) as waiting
       ) < $3 as has_room
from public.webhook_backfills b
join public.webhook_endpoints e on e.webhook_id = b.webhook_id
where exists (select from public.subscriptions s where s.name = $1 and s.epoch = $2)
order by b.webhook_id
