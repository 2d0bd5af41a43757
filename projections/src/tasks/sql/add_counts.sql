-- What a batch changes in the counts of assignees; a count below nothing is a mistake. Who has
-- nothing left to do has no row, as in a model that was built anew.
with n as (
    select n.account_id, n.agent_id, n.change
    from unnest($1::text[], $2::uuid[], $3::bigint[]) as n (account_id, agent_id, change)
), gone as (
    delete from read.task_counts c
    using n
    where c.account_id = n.account_id
      and c.agent_id = n.agent_id
      and c.unfinished + n.change = 0
    returning c.account_id, c.agent_id
), known as (
    update read.task_counts c
    set unfinished = c.unfinished + n.change
    from n
    where c.account_id = n.account_id
      and c.agent_id = n.agent_id
      and c.unfinished + n.change <> 0
    returning c.account_id, c.agent_id
), found as (
    select g.account_id, g.agent_id from gone g
    union all
    select k.account_id, k.agent_id from known k
)
insert into read.task_counts (account_id, agent_id, unfinished)
select n.account_id, n.agent_id, n.change
from n
where not exists (
    select from found f where f.account_id = n.account_id and f.agent_id = n.agent_id
)
