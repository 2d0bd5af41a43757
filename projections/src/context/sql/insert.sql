-- Entries new in a batch. One that is there already is a mistake, and its key says so.
insert into read.context_entries (
    account_id, task_id, entry, key, value, version, source, author_agent_id, created_at,
    superseded_by, superseded_at, words
)
select n.account_id, n.task_id, n.entry, n.key, n.value, n.version, n.source, n.author_agent_id,
       n.created_at, n.superseded_by, n.superseded_at,
       setweight(to_tsvector('pg_catalog.english', n.key_words), 'A')
           || setweight(to_tsvector('pg_catalog.english', n.value_words), 'B')
           || setweight(to_tsvector('pg_catalog.english', n.content), 'C')
           || setweight(to_tsvector('pg_catalog.english', n.description), 'D')
from unnest(
    $1::text[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[],
    $8::uuid[], $9::timestamptz[], $10::bigint[], $11::timestamptz[], $12::text[], $13::text[],
    $14::text[], $15::text[]
) as n (
    account_id, task_id, entry, key, value, version, source, author_agent_id, created_at,
    superseded_by, superseded_at, key_words, value_words, content, description
)
