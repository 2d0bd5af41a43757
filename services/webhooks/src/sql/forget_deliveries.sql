-- Some of the deliveries that are done with, planned and last attempted long ago.
delete from public.webhook_deliveries d
using (
    select delivery_id
    from public.webhook_deliveries
    where created_at < clock_timestamp() - make_interval(secs => $1)
      and state <> 'due'
      and (attempted_at is null or attempted_at < clock_timestamp() - make_interval(secs => $1))
    limit $2
    for update skip locked
) as page
where d.delivery_id = page.delivery_id
