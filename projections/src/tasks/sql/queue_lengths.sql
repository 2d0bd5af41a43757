-- How many open tasks these lists hold, as far as it matters: counting stops at a bound.
select (
           select count(*)
           from (
               select
               from read.task_lists i
               where i.account_id = $1 and i.list = l.list and i.status = 'open' and i.rank = 0
               limit $3
           ) counted
       ) as tasks
from unnest($2::text[]) with ordinality as l (list, place)
order by l.place
