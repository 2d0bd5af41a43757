-- One rebuild of a model at a time, over all nodes; held by the connection.
select pg_advisory_lock(hashtextextended('baton rebuild ' || $1, 0))
