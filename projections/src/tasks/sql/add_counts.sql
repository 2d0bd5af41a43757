-- What a batch changes in the counts of assignees; a count below nothing is a mistake.
with n as (
    select n.account_id, n.agent_id, n.change
    from unnest($1::text[], $2::uuid[], $3::bigint[]) as n (account_id, agent_id, change)
), known as (
    update task_counts c
    set unfinished = c.unfinished + n.change
    from n
    where c.account_id = n.account_id and c.agent_id = n.agent_id
    returning c.account_id, c.agent_id
)
insert into task_counts (account_id, agent_id, unfinished)
select n.account_id, n.agent_id, n.change
from n
where not exists (
    select from known k where k.account_id = n.account_id and k.agent_id = n.agent_id
)
