-- Tallies by name, from the first to the last of each range.
select t.tally, t.tasks
from unnest($2::text[], $3::text[]) as r (first, last)
cross join lateral (
    select t.tally, t.tasks
    from read.task_tallies t
    where t.account_id = $1 and t.tally >= r.first and t.tally <= r.last
) t
