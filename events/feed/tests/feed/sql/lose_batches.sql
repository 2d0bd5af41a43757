-- What a crash of Postgres does to batches that were not committed durably.
with lost as (
    update public.subscriptions set position = 3 where name = 'w' returning position
)
delete from applied using lost where applied.position > lost.position
