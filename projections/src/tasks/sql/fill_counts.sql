-- All counts at once, for a model that was filled without them.
insert into read.task_counts (account_id, agent_id, unfinished)
select i.account_id, substr(i.list, 2)::uuid, count(*)
from read.task_lists i
where i.list like '=_%' and i.list <> '=@' and i.status = any ($1::text[])
group by i.account_id, i.list
