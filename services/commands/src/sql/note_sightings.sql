insert into agent_sightings (account_id, agent_id, last_seen_at)
select account_id, agent_id, last_seen_at
from unnest($1::text[], $2::uuid[], $3::timestamptz[]) as seen (account_id, agent_id, last_seen_at)
order by account_id, agent_id
on conflict (account_id, agent_id) do update
set last_seen_at = greatest(agent_sightings.last_seen_at, excluded.last_seen_at)
