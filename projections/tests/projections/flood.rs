//! Large logs, written behind the log's back: tests of size need the events, not their append.

use baton_domain::{
    TaskId,
    stored::Event,
    task::{Changes, TaskEvent},
};
use baton_projections::Model;
use serde_json::json;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::world::agent;

/// Tasks that are under way at once.
const OPEN: usize = 2_000;
/// Events that one statement writes.
const CHUNK: usize = 20_000;

/// Writes a log of one account behind the log's back: one task takes `steps` events, of
/// `OPEN` tasks at once, the last of them a completion for all but every tenth task.
struct Writer {
    account: String,
    position: i64,
    rows: Vec<(i64, Uuid, i64, &'static str, String, String)>,
}

impl Writer {
    async fn write(&mut self, client: &Client, at: (Uuid, i64), what: &(u128, TaskEvent)) {
        let ((task, version), (by, event)) = (at, what);
        self.position += 1;
        let stored = event.encode();
        let actor = format!("agent:{}", agent(*by));
        self.rows.push((self.position, task, version, stored.event_type, stored.payload, actor));
        if self.rows.len() >= CHUNK {
            self.flush(client).await;
        }
    }

    async fn flush(&mut self, client: &Client) {
        let rows = std::mem::take(&mut self.rows);
        let positions: Vec<i64> = rows.iter().map(|row| row.0).collect();
        let tasks: Vec<String> = rows.iter().map(|row| row.1.simple().to_string()).collect();
        let versions: Vec<i64> = rows.iter().map(|row| row.2).collect();
        let types: Vec<&str> = rows.iter().map(|row| row.3).collect();
        let payloads: Vec<&str> = rows.iter().map(|row| row.4.as_str()).collect();
        let actors: Vec<&str> = rows.iter().map(|row| row.5.as_str()).collect();
        let insert = "insert into public.events (position, account_id, account_seq, stream_kind,
                stream_id, version, event_id, event_type, schema_version, payload, actor,
                correlation_id, recorded_at, content_hash)
            select p, $1, p, 'task', s, v, gen_random_uuid(), t, 1, d::json, a,
                gen_random_uuid(), '2026-01-01'::timestamptz + p * interval '1 ms',
                decode(repeat('00', 32), 'hex')
            from unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[])
                as n (p, s, v, t, d, a)";
        client
            .execute(
                insert,
                &[&self.account, &positions, &tasks, &versions, &types, &payloads, &actors],
            )
            .await
            .unwrap();
    }
}

pub(crate) fn id(n: usize) -> TaskId {
    // As a v7 id: time first, then what looks random.
    let n = n as u128;
    TaskId(Uuid::from_u128((0x0198 << 112) | (n << 70) | (n * 7_919 % 1_000_003)))
}

/// The events of task `n`, in order.
fn story(n: usize, steps: usize) -> Vec<(u128, TaskEvent)> {
    let worker = 1 + n as u128 % 50;
    let mut labels = vec![];
    if n.is_multiple_of(3) {
        labels.push("common".to_owned());
    }
    if n.is_multiple_of(1_000) {
        labels.push("rare".to_owned());
    }
    if n.is_multiple_of(7) {
        labels.push("@writer".to_owned());
    }
    let created = Changes {
        content: Some(format!("Research AI task management competitors, part {n}")),
        priority: Some(1 + (n % 5) as u8),
        max_retries: Some(2),
        labels: Some(labels),
        assigned_to: Some((!n.is_multiple_of(10)).then(|| agent(worker))),
        metadata: json!({"pipeline": "blog", "step": n % 4}).as_object().cloned(),
        ..Changes::default()
    };
    let said = |key: &str| Changes {
        metadata: json!({key: "## Competitor Analysis\n1. Tool A\n2. Tool B"}).as_object().cloned(),
        ..Changes::default()
    };
    let (task_id, parent, waits) = (id(n), None, false);
    let mut story = vec![(0, TaskEvent::Created { task_id, changes: created, parent, waits })];
    let last = match n % 10 {
        9 => TaskEvent::Blocked { waits: false },
        _ => TaskEvent::Completed { changes: said("result"), evidence: None },
    };
    let middle = [
        TaskEvent::Claimed { lease_expires_at: None },
        TaskEvent::Updated { changes: said("draft"), transition: None },
    ];
    story.extend(middle.into_iter().take(steps.saturating_sub(2)).map(|event| (worker, event)));
    if steps > 1 {
        story.push((worker, last));
    }
    story
}

/// Writes the log of an account that has so many tasks; answers its last position.
pub(crate) async fn write_log(client: &Client, account: &str, tasks: usize, steps: usize) -> i64 {
    let mut writer = Writer { account: account.to_owned(), position: 0, rows: vec![] };
    for first in (0..tasks).step_by(OPEN) {
        let stories: Vec<_> =
            (first..tasks.min(first + OPEN)).map(|n| (id(n).0, story(n, steps))).collect();
        for step in 0..steps {
            for (task, story) in &stories {
                writer.write(client, (*task, step as i64 + 1), &story[step]).await;
            }
        }
    }
    writer.flush(client).await;
    client.batch_execute("vacuum analyze public.events").await.unwrap();
    writer.position
}

/// Lets the follower be at a position, as if it had applied everything before.
pub(crate) async fn set_checkpoint(client: &Client, position: i64) {
    let name = Model::Tasks.subscription_name();
    let sql = "update public.subscriptions set position = $2 where name = $1";
    assert_eq!(client.execute(sql, &[&name, &position]).await.unwrap(), 1);
}
