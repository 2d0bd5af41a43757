delete from public.events where position > 299
