update public.subscriptions set position = $2 where name = $1
