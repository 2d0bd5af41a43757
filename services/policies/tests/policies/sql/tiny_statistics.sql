-- What there is to say of a nearly empty table, and nobody who corrects it.
alter table public.task_dependents set (autovacuum_enabled = off);
vacuum analyze public.task_dependents
