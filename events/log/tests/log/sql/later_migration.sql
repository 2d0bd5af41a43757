insert into public.baton_log_migrations (version, name, applied_on, checksum)
values (9999, 'of_a_later_release', '2026-01-01T00:00:00Z', '1')
