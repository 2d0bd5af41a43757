-- The subscription's epoch is the sender's fence: a newer holder has a higher one.
select epoch from public.subscriptions where name = $1
