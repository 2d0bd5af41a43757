-- Asked at start: a crash may have come between the last failure and switching the webhook off.
select webhook_id from public.webhook_health where failure_count >= $1
