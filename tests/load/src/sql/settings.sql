select name, current_setting(name)
from pg_catalog.pg_settings
where name in ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes',
    'shared_buffers', 'max_wal_size', 'checkpoint_timeout', 'wal_sync_method')
order by name
