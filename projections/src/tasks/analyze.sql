analyze tasks, task_lists, task_counts, task_tallies;
