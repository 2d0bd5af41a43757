-- The last position of a page of the log above a position; none where the page would not be full.
select e.position
from public.events e
where e.position > $1
order by e.position
offset $2
limit 1
