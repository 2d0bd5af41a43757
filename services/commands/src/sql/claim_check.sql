insert into instance_checks (name, check_value)
values ($1, $2)
on conflict (name) do nothing
