-- What an earlier start has already made of Baton's role and database.
select
    exists (select from pg_catalog.pg_roles where rolname = 'baton') as role,
    exists (select from pg_catalog.pg_database where datname = 'baton') as database
