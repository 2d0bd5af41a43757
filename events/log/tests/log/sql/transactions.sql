select count(distinct e.xmin::text) as transactions
from public.events e
