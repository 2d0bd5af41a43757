insert into public.webhook_endpoints (webhook_id, account_id, state, version, dropped_through)
values ($1, $2, $3::text::json, $4, $5)
on conflict (webhook_id) do update
set state = excluded.state,
    version = excluded.version,
    dropped_through = excluded.dropped_through
