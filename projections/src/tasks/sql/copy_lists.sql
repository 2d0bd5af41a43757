copy read.task_lists (list_id, status, rank, priority, created_at, task_id)
from stdin (format binary)
