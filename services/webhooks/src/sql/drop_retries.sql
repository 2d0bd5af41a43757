-- Some of the retries that their webhook, inactive since, does not get any more.
update public.webhook_deliveries d
set state = 'dropped', next_attempt_at = null
where d.delivery_id = any (array(
    select doomed.delivery_id
    from public.webhook_endpoints e
    cross join lateral (
        select due.delivery_id
        from public.webhook_deliveries due
        where due.webhook_id = e.webhook_id
          and due.state = 'due'
          and (due.attempt > 0 or due.requested_position > 0)
          and greatest(due.position, due.requested_position) <= e.dropped_through
        order by due.next_attempt_at
        limit $1
        for update skip locked
    ) as doomed
    where e.dropped_through > 0
    limit $1
))
