select position from public.subscriptions where name = $1 for update
