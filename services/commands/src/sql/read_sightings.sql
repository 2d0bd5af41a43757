select agent_id, last_seen_at
from agent_sightings
where account_id = $1
