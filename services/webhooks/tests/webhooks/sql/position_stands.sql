-- More has happened than the subscription has seen.
select position + 3 < (select max(e.position) from public.events e)
from public.subscriptions
where name = 'webhooks'
