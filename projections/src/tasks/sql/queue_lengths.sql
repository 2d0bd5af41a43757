-- How many open tasks these lists hold, as far as it matters: counting stops at a bound.
select (
           select count(*)
           from (
               select
               from read.task_lists i
               where i.list_id = l.list_id and i.status = $3 and i.rank = 0
               limit $2
           ) counted
       ) as tasks
from unnest($1::uuid[]) with ordinality as l (list_id, place)
order by l.place
