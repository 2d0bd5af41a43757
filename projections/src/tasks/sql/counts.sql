-- How many unfinished tasks these agents have; no row for none.
select c.agent_id, c.unfinished
from read.task_counts c
where c.account_id = $1 and c.agent_id = any ($2::uuid[])
