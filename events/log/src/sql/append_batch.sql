-- A batch in which no command names a head or a key.
select a.head_position, a.recorded_at, a.account_seqs, a.replayed, a.reused, a.conflicting,
       a.replayed_positions, a.replayed_recorded_at, a.replayed_stream_kinds,
       a.replayed_stream_ids, a.replayed_versions, a.replayed_sealed
from public.baton_append_batch(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19
) a
