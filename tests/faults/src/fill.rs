//! A long log, written behind the product's back: as if many tasks had gone the way of one.
//!
//! Must not: run while a node does.

use baton_harness::postgres::CONTENT_HASH;
use tokio_postgres::Client;

const FILL: &str = "
    with template as (
        select account_id, version, event_type, schema_version, payload::text as payload, actor,
               count(*) over () as steps
        from public.events
        where stream_id = $1
    ), head as (
        select max(position) as position, max(account_seq) as account_seq,
               max(recorded_at) as recorded_at
        from public.events
        where account_id = (select account_id from template limit 1)
    ), filled as materialized (
        select h.position + n.task * t.steps + t.version as position, t.account_id,
               h.account_seq + n.task * t.steps + t.version as account_seq,
               md5(n.task::text) as stream_id, t.version, gen_random_uuid() as event_id,
               t.event_type, t.schema_version,
               replace(t.payload, $1, md5(n.task::text)) as payload, t.actor,
               gen_random_uuid() as correlation_id, h.recorded_at
        from template t
        cross join head h
        cross join generate_series(0, $2::bigint / t.steps - 1) as n (task)
    )
    insert into public.events (position, account_id, account_seq, stream_kind, stream_id, version,
        event_id, event_type, schema_version, payload, actor, correlation_id, recorded_at,
        content_hash)
    select f.position, f.account_id, f.account_seq, 'task', f.stream_id, f.version, f.event_id,
           f.event_type, f.schema_version, f.payload::json, f.actor, f.correlation_id,
           f.recorded_at,
           pg_temp.content_hash(f.account_id, 'task', f.stream_id, f.version, f.event_id,
               f.event_type, f.schema_version, f.actor, f.correlation_id, f.payload)
    from filled f";

/// The id of the task that has this number, from 0.
pub const ID_OF: &str = "select md5($1::bigint::text)";

/// Writes about so many events, of tasks that each repeat the task `template`. Answers how many.
///
/// # Panics
///
/// When they cannot be written.
pub async fn fill(database: &Client, template: &str, events: i64) -> u64 {
    database.batch_execute(CONTENT_HASH).await.expect("a function of the session");
    let filled = database.execute(FILL, &[&template, &events]).await.expect("a long log");
    database.batch_execute("vacuum analyze public.events").await.expect("statistics");
    filled
}
