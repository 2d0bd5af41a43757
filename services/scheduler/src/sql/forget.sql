delete from public.scheduled s
using unnest($1::text[], $2::text[], $3::uuid[]) as gone (account_id, kind, id)
where s.account_id = gone.account_id and s.kind = gone.kind and s.id = gone.id
