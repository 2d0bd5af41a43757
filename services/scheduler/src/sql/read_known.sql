select known.account_id, known.id
from unnest($1::text[], $2::uuid[]) as asked (account_id, id)
join public.scheduled known
  on known.account_id = asked.account_id and known.kind = 'reminder' and known.id = asked.id
