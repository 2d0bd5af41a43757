-- Some of the retries that their webhook, inactive since, does not get any more.
update public.webhook_deliveries d
set state = 'dropped', next_attempt_at = null
from (
    select doomed.delivery_id
    from public.webhook_endpoints e
    join public.webhook_deliveries doomed
      on doomed.webhook_id = e.webhook_id
     and doomed.state = 'due'
     and (doomed.attempt > 0 or doomed.requested_position > 0)
     and greatest(doomed.position, doomed.requested_position) <= e.dropped_through
    where e.dropped_through > 0
    limit $1
    for update of doomed skip locked
) as page
where d.delivery_id = page.delivery_id
