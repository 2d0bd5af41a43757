insert into public.scheduled (account_id, kind, id, due_at, event_id, correlation_id)
select entry.account_id, entry.kind, entry.id, entry.due_at, entry.event_id, entry.correlation_id
from unnest($1::text[], $2::text[], $3::uuid[], $4::timestamptz[], $5::uuid[], $6::uuid[])
    as entry (account_id, kind, id, due_at, event_id, correlation_id)
on conflict (account_id, kind, id) do update
set due_at = excluded.due_at,
    event_id = excluded.event_id,
    correlation_id = excluded.correlation_id
