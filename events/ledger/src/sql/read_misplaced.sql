-- An account whose tree ends in no event of the log: the event was removed, or stands elsewhere.
select t.account_id, t.size, t.position
from public.ledger_trees t
where not exists (
    select
    from public.events e
    where e.account_id = t.account_id
      and e.account_seq = t.size
      and e.position = t.position
)
order by t.account_id
limit 1
