select 1 from public.subscriptions where name = $1 and epoch = $2 and position = $3
