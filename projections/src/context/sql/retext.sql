-- Live entries of tasks whose content or description changed.
update read.context_entries e
set words = ts_filter(e.words, '{a,b}')
        || setweight(to_tsvector('pg_catalog.english', n.content), 'C')
        || setweight(to_tsvector('pg_catalog.english', n.description), 'D')
from unnest($1::text[], $2::uuid[], $3::text[], $4::text[])
    as n (account_id, task_id, content, description)
where e.account_id = n.account_id
  and e.task_id = n.task_id
  and e.superseded_at is null
