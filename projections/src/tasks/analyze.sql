analyze tasks, task_lists, task_tallies;
