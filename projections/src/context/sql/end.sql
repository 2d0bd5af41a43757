-- Entries from before a batch that are live no more, if they still were: the last of their keys.
-- The words of the task stay as of this moment.
update read.context_entries e
set superseded_by = n.superseded_by,
    superseded_at = n.superseded_at,
    words = ts_filter(e.words, '{a,b}')
        || setweight(to_tsvector('pg_catalog.english', n.content), 'C')
        || setweight(to_tsvector('pg_catalog.english', n.description), 'D')
from unnest(
    $1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::timestamptz[], $6::text[], $7::text[]
) as n (account_id, task_id, key, superseded_by, superseded_at, content, description)
cross join lateral (
    select l.entry
    from read.context_entries l
    where l.account_id = n.account_id
      and l.task_id = n.task_id
      and hashtextextended(l.key, 0) = hashtextextended(n.key collate "C", 0)
      and l.key = n.key
    order by l.entry desc
    limit 1
) last
where e.account_id = n.account_id
  and e.task_id = n.task_id
  and e.entry = last.entry
  and e.superseded_at is null
