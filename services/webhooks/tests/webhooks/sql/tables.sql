select quote_ident(schemaname) || '.' || quote_ident(tablename)
from pg_catalog.pg_tables
where schemaname = 'public'
order by 1
