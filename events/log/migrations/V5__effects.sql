-- What an event led to is asked for by its id, in the order of the log. Most events were led to by
-- none, and are not in it.
create index events_effects on public.events (causation_id, position)
where causation_id is not null;
