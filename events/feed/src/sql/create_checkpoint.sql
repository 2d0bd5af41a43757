insert into public.subscriptions (name) values ($1) on conflict (name) do nothing
