-- A page of a task's ledger, or of one key in it, the newest entries first.
select e.task_id, e.entry, e.key, e.value, e.version, e.source, e.author_agent_id, e.created_at,
       e.superseded_by, e.superseded_at
from read.context_entries e
where e.account_id = $1
  and e.task_id = $2
  and ($3::text is null or (
      hashtextextended(e.key, 0) = hashtextextended($3 collate "C", 0) and e.key = $3
  ))
  and ($4::bigint is null or e.entry < $4)
order by e.entry desc
limit $5
