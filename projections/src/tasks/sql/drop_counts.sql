-- Who has nothing left to do has no row, as in a model that was built anew.
delete from task_counts c
using unnest($1::text[], $2::uuid[]) as n (account_id, agent_id)
where c.account_id = n.account_id and c.agent_id = n.agent_id and c.unfinished = 0
