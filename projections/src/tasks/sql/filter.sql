-- What a list of tasks is asked for, of the entry `i` of a list and its task `t`. A filter without
-- a value vanishes when the statement is planned with its values, and the join with it.
and ($4::uuid[] is null or exists (
    select
    from read.task_lists r
    where r.list_id = any ($4)
      and r.status = i.status
      and r.rank = 0
      and r.priority = i.priority
      and r.created_at = i.created_at
      and r.task_id = i.task_id
    offset 0 -- keeps it a probe of one key, never a join
))
and ($5::smallint is null or i.priority = $5)
and ($6::uuid is null or $6 = coalesce(t.assigned_to, '00000000-0000-0000-0000-000000000000'))
and ($7::uuid is null or t.created_by = $7)
and ($8::uuid is null or t.parent_id = $8)
and ($9::text[] is null or t.labels @> $9)
and ($10::text[] is null or t.labels && $10)
and ($11::text is null or strpos(t.search_text, $11) > 0)
and ($12::boolean is null or $12 = (
    t.claimed and (t.lease_expires_at is null or t.lease_expires_at > $13::timestamptz)
))
and ($14::date is null or t.due_date >= $14)
and ($15::date is null or t.due_date <= $15)
and ($16::text is null or t.session_state = $16)
and ($17::uuid[] is null or exists (
    select
    from read.task_lists p
    where p.list_id = any ($17)
      and p.status = i.status
      and p.rank = 0
      and p.priority = i.priority
      and p.created_at = i.created_at
      and p.task_id = i.task_id
    offset 0
))
