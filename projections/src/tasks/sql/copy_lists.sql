copy read.task_lists (account_id, list, status, rank, priority, created_at, task_id)
from stdin (format binary)
