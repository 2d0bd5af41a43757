-- Comments new in a batch. One that is there already is a mistake, and its key says so.
insert into read.comments (
    account_id, task_id, comment_id, content, author, author_agent_id, created_at, position
)
select n.account_id, n.task_id, n.comment_id, n.content, n.author, n.author_agent_id,
       n.created_at, n.position
from unnest(
    $1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::timestamptz[],
    $8::bigint[]
) as n (
    account_id, task_id, comment_id, content, author, author_agent_id, created_at, position
)
