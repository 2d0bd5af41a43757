-- Whether the log can be read, how far it goes, and whether this server would take an append.
select coalesce(max(e.position), 0) as head,
       not pg_is_in_recovery()
           and current_setting('transaction_read_only') = 'off' as accepts_writes
from public.events e
