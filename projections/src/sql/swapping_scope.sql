-- A swap waits for readers, and readers wait behind it: better try again than hold them up. The
-- bound lets a vacuum at work give way, which it does after deadlock_timeout, one second.
select set_config('lock_timeout', '1500ms', true)
