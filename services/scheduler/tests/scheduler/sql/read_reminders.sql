select id, due_at is not null as waits
from public.scheduled
where kind = 'reminder'
order by id
