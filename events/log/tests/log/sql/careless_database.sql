do $$
begin
    execute format('alter database %I set synchronous_commit = off', current_database());
end
$$
