-- A read that takes its time: nothing that it may still see is cleaned up meanwhile.
select pg_sleep($1::double precision) is null as is_done, count(*) as models
from read.models
