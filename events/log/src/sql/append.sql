select a.outcome, a.first_position, a."position", a.account_seq, a.recorded_at, a.stream_kind,
       a.stream_id, a.version, a.sealed
from public.baton_append(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
    $21, $22, $23, $24, $25, $26, $27
) a
