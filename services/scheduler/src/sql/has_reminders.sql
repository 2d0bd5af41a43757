select exists (select from public.scheduled where kind = 'reminder') as found
