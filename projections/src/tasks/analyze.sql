analyze tasks, task_lists;
