-- A delivery's body is long enough to be compressed, written once and read as often as it is sent:
-- the quick method, where this Postgres was built with it.
do $$
begin
    alter table public.webhook_deliveries alter column body set compression lz4;
exception
    when feature_not_supported then
        raise notice 'this Postgres has no lz4: webhook bodies stay compressed by pglz';
end
$$;
