//! Backup and restore, with the tools and steps that docs/operations.md names, of a Baton that
//! is at work meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use baton_harness::baton::{Baton, Builder};
use baton_harness::client::{Client, Credential, agent, project, try_send};
use baton_harness::nats::{self, Nats};
use baton_harness::postgres::{self, Cluster, Database};
use baton_harness::receiver::{Answer as Receipt, Receiver};
use baton_harness::{backup, wait_for, wait_until};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::operations::{becomes, of};
use crate::record;
use crate::world::{LIMIT, fresh, patiently, text};

const CHANGES: [&str; 3] = [
    "update public.events set actor = actor where position = 1",
    "delete from public.events where position = 1",
    "truncate public.events",
];
const DUE: &str = "select count(*) from public.webhook_deliveries d where d.state = 'due'";

/// A Baton at work, on a cluster of its own.
struct AtWork {
    baton: Baton,
    cluster: Cluster,
    database: Database,
    nats: Nats,
    receiver: Receiver,
    ada: Client,
    /// A delegated task's chain, as it was read.
    chain: (String, Value),
    /// What is due and cannot be delivered yet.
    waiting: String,
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<()>>,
}

impl AtWork {
    async fn new() -> AtWork {
        let cluster = postgres::own_cluster().await;
        let (database, nats) = (cluster.database().await, nats::server().await);
        let baton = at(&database, &nats).start().await;
        let receiver = Receiver::start().await;
        let hook = json!({ "url": receiver.url() });
        project(&baton).post("/v1/webhooks", hook).await.expect(201);
        let (ada, _) = agent(&baton, &fresh("ada")).await;
        let (_, bob) = agent(&baton, &fresh("bob")).await;
        let root =
            text(&ada.post("/v1/tasks", json!({ "content": "root" })).await.expect(201), "id");
        let path = format!("/v1/tasks/{root}/delegate");
        let body = json!({ "content": "child", "agent_id": bob });
        ada.post(&path, body).await.expect(201);
        let path = format!("/v1/tasks/{root}/chain");
        let chain = ada.get(&path).await.expect(200);
        receiver.wait_for(LIMIT, |requests| requests.len() >= 3).await;
        receiver.answer_always(Receipt::status(500));
        let waiting = json!({ "content": "its news is due" });
        let waiting = text(&ada.post("/v1/tasks", waiting).await.expect(201), "id");
        let reader = database.connect().await;
        wait_until(LIMIT, "a delivery is due", async || {
            reader.query_one(DUE, &[]).await.expect("a count").get::<_, i64>(0) > 0
        })
        .await;
        let (stop, writers) = (Arc::default(), Vec::new());
        let chain = (path, chain);
        let mut at_work =
            AtWork { baton, cluster, database, nats, receiver, ada, chain, waiting, stop, writers };
        at_work.write().await;
        at_work
    }

    /// Tasks are made, one after the other at each of some writers, until [`AtWork::gone`].
    async fn write(&mut self) {
        let (made, seen) = tokio::sync::watch::channel(0_usize);
        let made = Arc::new(made);
        for _ in 0..4 {
            let (client, stop, made) = (self.ada.clone(), self.stop.clone(), made.clone());
            self.writers.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let request = client.request(Method::POST, "/v1/tasks");
                    let sent = try_send(request.json(&json!({ "content": "load" }))).await;
                    made.send_modify(|made| *made += usize::from(sent.is_ok()));
                }
            }));
        }
        let mut seen = seen.clone();
        seen.wait_for(|made| *made >= 50).await.expect("the writers are at work");
    }

    /// The old node and its writers end.
    async fn gone(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers.drain(..) {
            writer.await.expect("a writer ends");
        }
        self.baton.kill9();
        self.receiver.answer_always(Receipt::status(200));
    }

    /// Everything that a restored Baton must be, on a NATS of its own.
    async fn is_whole(&self, restored: &Database, at_least: i64) {
        let database = restored.connect_as_superuser().await;
        let before = record::log(&database).await;
        record::assert_gapless(&before);
        let head = before.last().expect("events").position;
        assert!(head >= at_least, "the backup ends at {head}, begun at {at_least}");

        let nats = nats::server().await;
        let baton = at(restored, &nats).start().await;
        let ada = self.ada.at(&baton);
        let chain = patiently(&ada, &self.chain.0).await.expect(200);
        assert_eq!(chain, self.chain.1);
        // What was due when the backup was made is delivered.
        let is_it = |request: &Value| request["task"]["id"] == *self.waiting;
        let heard = self.receiver.wait_for(LIMIT, |requests| {
            let delivered = requests.iter().rev().take_while(|it| it.at > start_of(&baton));
            delivered.into_iter().any(|it| is_it(&it.json()))
        });
        heard.await;
        // Appending goes on where the backup ends, by a key from before.
        let made = ada.post("/v1/tasks", json!({ "content": "after" })).await.expect(201);
        patiently(&ada, &format!("/v1/tasks/{}", text(&made, "id"))).await.expect(200);
        let log = record::log(&database).await;
        record::assert_gapless(&log);
        assert!(log.len() > before.len());
        assert_eq!(
            log[..before.len()].iter().map(|it| it.id).collect::<Vec<_>>(),
            before.iter().map(|it| it.id).collect::<Vec<_>>()
        );
        becomes(&baton, 200, "ok").await;
        let check = baton.command(&["rebuild", "--check"]).await;
        let said = String::from_utf8_lossy(&check.stdout).into_owned();
        assert!(check.status.success(), "{said}");
        for change in CHANGES {
            let refused = database.batch_execute(change).await.expect_err("the log only grows");
            let refused = refused.as_db_error().expect("the server's words").message().to_owned();
            assert!(refused.contains("append-only"), "{change}: {refused}");
        }
    }
}

fn start_of(baton: &Baton) -> std::time::SystemTime {
    let file = baton.data_dir().join("address");
    let written = std::fs::metadata(file).and_then(|file| file.modified()).expect("its start");
    // It may deliver a moment before it listens.
    written - Duration::from_secs(5)
}

fn at(database: &Database, nats: &Nats) -> Builder {
    Builder::on(database, nats).env("BATON_WEBHOOK_RETRY_SCHEDULE", "1,1,1,1,1,1,1,1,1,1,1,1")
}

async fn head(database: &Database) -> i64 {
    record::head_and_count(&database.connect().await).await.0
}

#[tokio::test]
async fn a_dump_of_a_baton_at_work_restores_to_a_whole_one() {
    let mut at_work = AtWork::new().await;
    let begun = head(&at_work.database).await;
    let file = at_work.baton.data_dir().join("baton.dump");
    backup::dump(&at_work.database, &file).await;
    let ended = head(&at_work.database).await;
    assert!(ended > begun, "it was at work meanwhile");
    at_work.gone().await;
    let restored = postgres::database().await;
    backup::restore(&file, &restored).await;
    at_work.is_whole(&restored, begun).await;
}

#[tokio::test]
async fn a_copy_of_the_cluster_of_a_baton_at_work_starts_as_a_whole_one() {
    let mut at_work = AtWork::new().await;
    let begun = head(&at_work.database).await;
    let copy = at_work.cluster.base_backup().await;
    at_work.gone().await;
    let restored = copy.database_named(&at_work.database.name);
    assert!(head(&at_work.database).await > begun, "it was at work meanwhile");
    at_work.is_whole(&restored, begun).await;
}

#[tokio::test]
async fn after_an_older_backup_the_relay_stands_still_until_the_stream_is_rebuilt() {
    let mut at_work = AtWork::new().await;
    let file = at_work.baton.data_dir().join("baton.dump");
    backup::dump(&at_work.database, &file).await;
    let published = head(&at_work.database).await + 50;
    wait_until(LIMIT, "more is published than backed up", async || {
        let followers = record::followers(&at_work.database.connect().await).await;
        let followers = followers.expect("they can be read");
        followers.iter().any(|it| it.name == "relay" && it.position >= published)
    })
    .await;
    at_work.gone().await;
    let restored = postgres::database().await;
    backup::restore(&file, &restored).await;

    let baton = at(&restored, &at_work.nats).start().await;
    let ada = at_work.ada.at(&baton);
    let document = wait_for(LIMIT, "the relay stands still", async || {
        let document = crate::operations::ready(&baton).await.body;
        (of(&document, "relay")["status"] == "failed").then_some(document)
    })
    .await;
    assert_eq!(document["status"], "degraded", "{document}");
    let status = baton.command(&["status"]).await;
    let table = String::from_utf8(status.stdout).expect("text");
    assert!(!status.status.success() && table.contains("is not the event"), "{table}");
    // Nobody else waits for it.
    let made = ada.post("/v1/tasks", json!({ "content": "after" })).await.expect(201);
    let made = text(&made, "id");
    patiently(&ada, &format!("/v1/tasks/{made}")).await.expect(200);
    at_work
        .receiver
        .wait_for(LIMIT, |requests| requests.iter().any(|it| it.json()["task"]["id"] == *made))
        .await;

    let rebuilt = baton.command(&["nats", "rebuild"]).await;
    let said = String::from_utf8_lossy(&rebuilt.stderr).into_owned();
    assert!(rebuilt.status.success(), "{said}");
    becomes(&baton, 200, "ok").await;
    let database = restored.connect().await;
    let (head, _) = record::head_and_count(&database).await;
    let messages = record::messages(&at_work.nats, head).await;
    record::assert_stream_is_log(&messages, &record::log(&database).await);
}

#[tokio::test]
async fn a_lost_master_key_costs_what_it_sealed_and_nothing_else() {
    let mut at_work = AtWork::new().await;
    at_work.gone().await;
    let database = at_work.database.connect().await;
    let other = "0".repeat(64);
    let builder = || at(&at_work.database, &at_work.nats).env("BATON_MASTER_KEY", other.clone());
    let (status, said) = builder().refusal().await;
    assert!(!status.success() && said.contains("BATON_MASTER_KEY"), "{said}");
    // The statements of docs/operations.md.
    let manual = include_str!("../../../../docs/operations.md");
    let statements = manual.split("```sql").find(|code| code.contains("webhook_secrets"));
    let statements = statements.and_then(|code| code.split("```").next()).expect("the statements");
    database.batch_execute(statements).await.expect("what the manual says works");
    let baton = builder().start().await;
    let ada = at_work.ada.at(&baton);
    assert_eq!(patiently(&ada, &at_work.chain.0).await.expect(200), at_work.chain.1);
    let admin = Client::new(
        &baton.url(),
        Credential::Bearer(baton_harness::baton::PROJECT_TOKEN.to_owned()),
    );
    let hooks = patiently(&admin, "/v1/webhooks").await.expect(200);
    let path = format!("/v1/webhooks/{}", text(&hooks[0], "id"));
    let secret = json!({ "secret": "whsec_a-new-secret-for-it", "secret_overlap_seconds": 0 });
    admin.patch(&path, secret).await.expect(200);
    let before = at_work.receiver.requests().len();
    let made = ada.post("/v1/tasks", json!({ "content": "signed anew" })).await.expect(201);
    at_work
        .receiver
        .wait_for(LIMIT, |requests| {
            requests[before..].iter().any(|it| it.json()["task"]["id"] == made["id"])
        })
        .await;
}
