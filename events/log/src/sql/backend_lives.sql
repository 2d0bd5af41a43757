-- A backend leaves this view after its transaction has ended, one way or the other.
select exists (
    select
    from pg_stat_activity a
    where a.pid = $1
      and a.backend_start = $2
) as lives
