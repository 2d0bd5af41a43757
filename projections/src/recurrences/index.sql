create index recurrences_created_at on recurrences (account_id, created_at, recurrence_id)
    where not deleted;
create index recurrences_created_by on recurrences (account_id, created_by)
    where not deleted;
create index recurrences_assigned_to on recurrences (account_id, assigned_to)
    where not deleted;
