-- Some of the deliveries that are done with, planned and last attempted long ago. By a time that
-- stands still while the statement runs: an index finds nothing by one that moves.
delete from public.webhook_deliveries d
where d.delivery_id = any (array(
    select old.delivery_id
    from public.webhook_deliveries old
    where old.created_at < statement_timestamp() - make_interval(secs => $1)
      and old.state <> 'due'
      and (
          old.attempted_at is null
          or old.attempted_at < statement_timestamp() - make_interval(secs => $1)
      )
    limit $2
    for update skip locked
))
