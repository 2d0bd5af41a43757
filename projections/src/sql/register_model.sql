insert into read.models (name, version, built_at)
values ($1, $2, clock_timestamp())
on conflict (name) do update set version = excluded.version, built_at = excluded.built_at
