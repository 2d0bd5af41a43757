with ages (content, days, state) as (
    values ('0', 8, 'delivered'), ('1', 6, 'delivered'), ('2', 8, 'due')
)
update public.webhook_deliveries d
set created_at = d.created_at - make_interval(days => a.days),
    attempted_at = case when a.state = 'due' then null
                   else d.attempted_at - make_interval(days => a.days) end,
    attempt = case when a.state = 'due' then 0 else 1 end,
    state = a.state,
    delivered_at = case when a.state = 'delivered' then d.delivered_at end,
    next_attempt_at = case when a.state = 'due' then clock_timestamp() end
from ages a
where d.body::json -> 'task' ->> 'content' = a.content
