select e.account_seq
from public.events e
where e.account_id = $1
order by e.account_seq desc
limit 1
