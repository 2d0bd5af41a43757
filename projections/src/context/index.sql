-- What a recall finds entries by; filled faster when there is all of it.
create index context_entries_words on context_entries using gin (words);
