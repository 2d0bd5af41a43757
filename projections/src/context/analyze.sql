analyze context_entries;
