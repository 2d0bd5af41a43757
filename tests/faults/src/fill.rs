//! A long log, written behind the product's back: as if many tasks had gone the way of one.
//!
//! Must not: run while a node does.

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
    )
    insert into public.events (position, account_id, account_seq, stream_kind, stream_id, version,
        event_id, event_type, schema_version, payload, actor, correlation_id, recorded_at,
        content_hash)
    select h.position + n.task * t.steps + t.version, t.account_id,
           h.account_seq + n.task * t.steps + t.version, 'task', md5(n.task::text), t.version,
           gen_random_uuid(), t.event_type, t.schema_version,
           replace(t.payload, $1, md5(n.task::text))::json, t.actor, gen_random_uuid(),
           h.recorded_at, decode(repeat('00', 32), 'hex')
    from template t
    cross join head h
    cross join generate_series(0, $2::bigint / t.steps - 1) as n (task)";

/// The id of the task that has this number, from 0.
pub const ID_OF: &str = "select md5($1::bigint::text)";

/// Writes about so many events, of tasks that each repeat the task `template`. Answers how many.
///
/// # Panics
///
/// When they cannot be written.
pub async fn fill(database: &Client, template: &str, events: i64) -> u64 {
    let filled = database.execute(FILL, &[&template, &events]).await.expect("a long log");
    database.batch_execute("vacuum analyze public.events").await.expect("statistics");
    filled
}
