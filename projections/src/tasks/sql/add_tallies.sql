-- What a batch changes in the tallies; one below nothing is a mistake. What there is none of has no
-- row, as in a model that was built anew.
with n as (
    select n.account_id, n.tally, n.change
    from unnest($1::text[], $2::text[], $3::bigint[]) as n (account_id, tally, change)
), gone as (
    delete from read.task_tallies t
    using n
    where t.account_id = n.account_id
      and t.tally = n.tally
      and t.tasks + n.change = 0
    returning t.account_id, t.tally
), known as (
    update read.task_tallies t
    set tasks = t.tasks + n.change
    from n
    where t.account_id = n.account_id
      and t.tally = n.tally
      and t.tasks + n.change <> 0
    returning t.account_id, t.tally
), found as (
    select g.account_id, g.tally from gone g
    union all
    select k.account_id, k.tally from known k
)
insert into read.task_tallies (account_id, tally, tasks)
select n.account_id, n.tally, n.change
from n
where not exists (
    select from found f where f.account_id = n.account_id and f.tally = n.tally
)
