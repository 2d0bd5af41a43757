select coalesce(max(position), 0) from public.events
