-- Another holder took over and is level with the log.
update public.subscriptions
set epoch = epoch + 1,
    holder = 'another',
    lease_until = clock_timestamp() + interval '1 hour',
    position = (select max(e.position) from public.events e)
where name = 'webhooks'
