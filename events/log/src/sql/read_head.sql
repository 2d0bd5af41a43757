select e.position
from public.events e
order by e.position desc
limit 1
