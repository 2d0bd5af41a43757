-- Writes down, inside each append, what its session is set to and how far the WAL had come: the
-- append's commit record lies beyond that.
create table public.witness (
    synchronous_commit text not null,
    wal pg_lsn not null
);

create function public.witness() returns trigger
language plpgsql
as $$
begin
    insert into public.witness (synchronous_commit, wal)
    values (current_setting('synchronous_commit'), pg_current_wal_insert_lsn());
    return null;
end
$$;

create trigger witness after insert on public.events
    for each statement execute function public.witness();
