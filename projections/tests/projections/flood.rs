//! Large logs, written behind the log's back: tests of size need the events, not their append.

use baton_domain::{
    TaskId,
    stored::Event,
    task::{Changes, Parent, TaskEvent},
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
    let (task_id, parent, waits, origin) = (id(n), None, false, None);
    let created = TaskEvent::Created { task_id, changes: created, parent, waits, origin };
    let mut story = vec![(0, created)];
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

/// Whole lives of tasks.
#[derive(Clone, Copy)]
pub(crate) struct Lives {
    /// Tasks with a child each.
    pub(crate) families: usize,
    /// So many at once.
    pub(crate) open: usize,
    /// How long each description is.
    pub(crate) sentences: usize,
}

/// Writes tasks from their creation to their completion, each child before its parent; answers the
/// last position.
pub(crate) async fn write_lives(client: &Client, account: &str, lives: Lives) -> i64 {
    let mut writer = Writer { account: account.to_owned(), position: 0, rows: vec![] };
    let Lives { families, open, sentences } = lives;
    for first in (0..families).step_by(open) {
        let together = first..families.min(first + open);
        let lives: Vec<_> = together.map(|n| life(n, sentences)).collect();
        for step in 0..lives.first().map_or(0, Vec::len) {
            for life in &lives {
                let (task, version, by, event) = &life[step];
                writer.write(client, (*task, *version), &(*by, event.clone())).await;
            }
        }
    }
    writer.flush(client).await;
    client.batch_execute("vacuum analyze public.events").await.unwrap();
    writer.position
}

/// The events of a task and its child: task, version, by whom, what.
fn life(n: usize, sentences: usize) -> Vec<(Uuid, i64, u128, TaskEvent)> {
    let (one, other) = (1 + n as u128 % 50, 1 + (n as u128 + 1) % 50);
    let (task, child) = (id(2 * n), id(2 * n + 1));
    let changes = |to| Changes {
        content: Some("Research the three largest competitors and prices".to_owned()),
        description: Some(Some("Primary sources only; one table with dates. ".repeat(sentences))),
        priority: Some(2),
        metadata: json!({ "source": "bench", "ticket": "OPS-4711" }).as_object().cloned(),
        assigned_to: Some(Some(agent(to))),
        ..Changes::default()
    };
    let parent = Parent { parent_id: task, root_id: task, depth: 1, accountable: Some(agent(one)) };
    let created = |task_id, to, parent| TaskEvent::Created {
        task_id,
        changes: changes(to),
        parent,
        waits: false,
        origin: None,
    };
    let completed = || TaskEvent::Completed { changes: Changes::default(), evidence: None };
    vec![
        (task.0, 1, one, created(task, one, None)),
        (child.0, 1, one, created(child, other, Some(parent))),
        (task.0, 2, one, TaskEvent::ChildDelegated { child_id: child }),
        (child.0, 2, other, completed()),
        (task.0, 3, one, completed()),
    ]
}

/// Lets the follower be at a position, as if it had applied everything before.
pub(crate) async fn set_checkpoint(client: &Client, model: Model, position: i64) {
    let name = model.subscription_name();
    let sql = "update public.subscriptions set position = $2 where name = $1";
    assert_eq!(client.execute(sql, &[&name, &position]).await.unwrap(), 1);
}
