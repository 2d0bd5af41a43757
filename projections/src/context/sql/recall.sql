-- Entries that have the words of a question, best first. Where `$9` is true every word must be
-- there, else any. Who may not read all tasks finds those in whose task it is a reader: one probe
-- of the lists by key for each entry found, down to the last one shown. `$10` are the words of the
-- statuses, each in the place of its code.
select e.task_id, e.entry, e.key, e.value, e.version, e.source, e.author_agent_id, e.created_at,
       e.superseded_by, e.superseded_at, found.score, t.state::text as state
from (
    -- No more of each than it takes to put them in order: many may be found.
    select m.task_id, m.entry, m.created_at,
           -- Below 1, so that what a human stated comes first.
           ts_rank('{0.1, 0.2, 0.4, 1.0}', m.words, q.words, 32)::float8
               + case when m.source = 'human_stated' then 1 else 0 end as score
    from (
        select case
            when $9::boolean then plainto_tsquery('pg_catalog.english', $2)
            else replace(plainto_tsquery('pg_catalog.english', $2)::text, ' & ', ' | ')::tsquery
        end as words
    ) q
    join read.context_entries m on m.words @@ q.words
    where m.account_id = $1
      and ($3::boolean or m.superseded_at is null)
      and ($4::text is null or m.source = $4)
      and ($5::text is null or m.key = $5)
    order by score desc, m.created_at desc, m.task_id, m.entry
    offset 0 -- keeps the order: the rest is looked at one by one
) found
join read.tasks t on t.account_id = $1 and t.task_id = found.task_id and not t.deleted
join read.context_entries e
    on e.account_id = $1 and e.task_id = found.task_id and e.entry = found.entry
where ($6::uuid is null or t.project_id = $6)
  and ($7::uuid[] is null or exists (
      select
      from read.task_lists r
      where r.list_id = any ($7)
        and r.status = array_position($10::text[], t.state::json ->> 'status') - 1
        and r.rank = 0
        and r.priority = (t.state::json ->> 'priority')::smallint
        and r.created_at = t.created_at
        and r.task_id = t.task_id
      offset 0 -- keeps it a probe of one key, never a join
  ))
order by found.score desc, found.created_at desc, found.task_id, found.entry
limit $8
