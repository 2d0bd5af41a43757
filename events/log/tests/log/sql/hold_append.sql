-- An append by hand of one event to one stream: $1 is the stream's id, $2 its version before.
select a.head_position + 1 as "position", cardinality(a.conflicting) as conflicts
from public.baton_append_batch(
    array['default'],
    array[1],
    array[1],
    array['task'],
    array[$1::text],
    array[$2::bigint],
    array[1],
    array[1],
    array[1],
    array[1],
    array[$2::bigint + 1],
    array[gen_random_uuid()],
    array['task.updated'],
    array[1]::smallint[],
    array['{}'],
    array['project'],
    array[gen_random_uuid()],
    array[null]::uuid[],
    array[decode(repeat('00', 32), 'hex')]
) a
