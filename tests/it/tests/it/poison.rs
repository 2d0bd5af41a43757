//! One poisonous event, made by hand, stops its subscription only, loudly; the others go on, and
//! when it is mended nothing is lost.

use baton_harness::client::{Client, Credential};
use baton_harness::postgres::CONTENT_HASH;
use baton_harness::receiver::Receiver;
use baton_harness::{wait_for, wait_until};
use serde_json::{Value, json};
use tokio_postgres::Client as Database;
use uuid::Uuid;

use crate::operations::{FOLLOWERS, becomes, metrics, of, ready};
use crate::record;
use crate::world::{Agent, LIMIT, World, patiently, text};

/// By hand, in the appender's own lock: nothing of Baton writes such a row.
const INSERT: &str = "with locked as materialized \
     (select pg_advisory_xact_lock(7089075310400663399) as taken), \
     head as (select max(e.position) + 1 as position from public.events e, locked), \
     seq as (select coalesce(max(e.account_seq), 0) + 1 as account_seq \
             from public.events e, locked where e.account_id = $1) \
     insert into public.events (position, account_id, account_seq, stream_kind, stream_id, \
         version, event_id, event_type, schema_version, payload, actor, correlation_id, \
         recorded_at, content_hash) \
     select head.position, $1, seq.account_seq, $2, $3, $4, $5, $6, 1, $7::text::json, 'project', \
         $8, date_trunc('milliseconds', clock_timestamp()), \
         pg_temp.content_hash($1, $2, $3, $4, $5, $6, 1::smallint, 'project', $8, $7::text) \
     from head, seq returning position";
const UNLOCK: &str = "alter table public.events disable trigger events_refuse_update_delete";
const LOCK: &str = "alter table public.events enable always trigger events_refuse_update_delete";
const MEND: &str = "update public.events set account_id = $2, stream_kind = $3, stream_id = $4, \
     version = $5, event_type = $6, payload = $7::text::json where position = $1";

/// An event, made by hand.
#[derive(Clone, Debug)]
pub(crate) struct ByHand {
    pub(crate) account: String,
    pub(crate) kind: &'static str,
    pub(crate) stream: String,
    pub(crate) version: i64,
    pub(crate) event: &'static str,
    pub(crate) payload: Value,
}

impl ByHand {
    /// A task of the default account that no follower objects to.
    fn task() -> ByHand {
        ByHand::task_of(Uuid::new_v4())
    }

    pub(crate) fn task_of(id: Uuid) -> ByHand {
        let stream = id.simple().to_string();
        let changes = json!({ "content": "made by hand", "priority": 1 });
        ByHand {
            account: "default".to_owned(),
            kind: "task",
            payload: json!({ "task_id": stream, "changes": changes }),
            stream,
            version: 1,
            event: "task.created",
        }
    }

    /// The end of a lease, long ago.
    pub(crate) fn lease_over(id: Uuid, version: i64) -> ByHand {
        let payload = json!({ "lease_expires_at": "2026-01-01T00:00:00.000Z" });
        ByHand { version, event: "task.lease_extended", payload, ..ByHand::task_of(id) }
    }

    /// The same task, sound.
    fn sound(&self) -> ByHand {
        ByHand::task_of(self.stream.parse().expect("tasks made by hand have ids"))
    }

    pub(crate) async fn insert(&self, database: &Database) -> i64 {
        database.batch_execute(CONTENT_HASH).await.expect("a function of the session");
        let payload = self.payload.to_string();
        let row = database
            .query_one(
                INSERT,
                &[
                    &self.account,
                    &self.kind,
                    &self.stream,
                    &self.version,
                    &Uuid::now_v7(),
                    &self.event,
                    &payload,
                    &Uuid::new_v4(),
                ],
            )
            .await;
        row.expect("a superuser may insert").get(0)
    }

    /// Makes the event at `position` this one.
    async fn mend(&self, database: &Database, position: i64) {
        let payload = self.payload.to_string();
        database.batch_execute(UNLOCK).await.expect("a superuser may disable a trigger");
        let mended = database
            .execute(
                MEND,
                &[
                    &position,
                    &self.account,
                    &self.kind,
                    &self.stream,
                    &self.version,
                    &self.event,
                    &payload,
                ],
            )
            .await;
        assert_eq!(mended.expect("a superuser may change it"), 1);
        database.batch_execute(LOCK).await.expect("the trigger is back");
    }
}

/// A world with a receiver and an agent, all level with the log.
struct Scene {
    world: World,
    receiver: Receiver,
    ada: Agent,
    database: Database,
}

impl Scene {
    async fn new(with_webhook: bool) -> Scene {
        // Without the ledger: what is mended here was changed, which it would not put up with.
        let roles = "api,projector,relay,webhooks,policies,scheduler";
        let world = World::with(|builder| builder.roles(roles)).await;
        let receiver = Receiver::start().await;
        if with_webhook {
            let hook = json!({ "url": receiver.url() });
            world.project().post("/v1/webhooks", hook).await.expect(201);
        }
        let ada = world.agent("ada").await;
        record::caught_up(&world).await;
        let database = world.database.connect_as_superuser().await;
        Scene { world, receiver, ada, database }
    }

    fn client(&self) -> &Client {
        &self.ada.client
    }

    /// Waits until exactly these subscriptions stand still at `position`, everywhere that an
    /// operator looks.
    async fn stand_still(&self, position: i64, failed: &[&str], ready_status: u16) -> String {
        let baton = &self.world.baton;
        let document = wait_for(LIMIT, &format!("{failed:?} stand still"), async || {
            let document = ready(baton).await.body;
            let is_so = failed.iter().all(|name| of(&document, name)["status"] == "failed");
            is_so.then_some(document)
        })
        .await;
        assert_eq!(ready(baton).await.status, ready_status, "{document}");
        let seen = metrics(baton).await;
        for name in FOLLOWERS.into_iter().filter(|name| *name != "ledger") {
            let is_failed = failed.contains(&name);
            let at = if is_failed { json!(position) } else { Value::Null };
            assert_eq!(of(&document, name)["failure"]["position"], at, "{name}: {document}");
            let value = if is_failed { 1.0 } else { 0.0 };
            let labels = [("subscription", name)];
            assert_eq!(seen.value("baton_subscription_failed", &labels), Some(value), "{name}");
        }
        let status = baton.command(&["status"]).await;
        let table = String::from_utf8(status.stdout).expect("text");
        assert!(!status.status.success(), "{table}");
        let log = record::log(&self.database).await;
        let event = log.iter().find(|event| event.position == position).expect("the event");
        let correlation = format!("correlation_id={}", event.correlation);
        for name in failed {
            let line = format!("{name} stands still at position {position} since ");
            assert!(table.contains(&line), "{table}");
            // Said when it happened, and not again at each attempt.
            let said = |line: &&str| {
                line.contains("cannot go on")
                    && line.contains(&format!("subscription=\"{name}\""))
                    && line.contains(&format!("position={position} "))
                    && line.contains(&correlation)
            };
            assert_eq!(baton.log().lines().filter(said).count(), 1, "{}", baton.log());
        }
        table
    }

    /// Waits until this subscription has everything there is now.
    async fn goes_on(&self, name: &str) {
        let (head, _) = record::head_and_count(&self.database).await;
        wait_until(LIMIT, &format!("{name} goes on"), async || {
            let followers = record::followers(&self.database).await.expect("they can be read");
            followers.iter().any(|it| it.name == name && it.position >= head)
        })
        .await;
    }

    /// Everything goes on by itself once the event is mended.
    async fn recovers(&self) -> i64 {
        let head = record::caught_up(&self.world).await;
        becomes(&self.world.baton, 200, "ok").await;
        let status = self.world.baton.command(&["status"]).await;
        assert!(status.status.success());
        let check = self.world.baton.command(&["rebuild", "--check"]).await;
        let said = String::from_utf8_lossy(&check.stdout).into_owned();
        assert!(check.status.success(), "{said}");
        head
    }

    /// Waits until the receiver has heard of this task's creation.
    async fn delivered(&self, task: &str) {
        let is_it = |request: &Value| request["task"]["id"] == *task;
        let heard = self.receiver.wait_for(LIMIT, |requests| {
            requests.iter().any(|it| it.event() == "task.created" && is_it(&it.json()))
        });
        heard.await;
    }
}

#[tokio::test]
async fn an_event_that_the_task_model_cannot_take_stops_the_task_model_alone() {
    let scene = Scene::new(true).await;
    let before = scene.ada.task_id("before").await;
    // Its stream has no version 1 to 4: only the model counts.
    let held = json!({ "lease_expires_at": null });
    let gap = ByHand { version: 5, event: "task.claimed", payload: held, ..ByHand::task() };
    let position = gap.insert(&scene.database).await;
    scene.stand_still(position, &["projection.tasks"], 503).await;
    // Commands need Postgres alone, and everybody else hears of them.
    let after = scene.ada.task_id("after").await;
    scene.delivered(&after).await;
    for name in ["relay", "webhooks", "policies", "projection.webhooks"] {
        scene.goes_on(name).await;
    }
    let refused = scene.client().get("/v1/tasks").await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert_ne!(refused.header("retry-after"), "");
    scene.world.project().get("/v1/webhooks").await.expect(200);

    gap.sound().mend(&scene.database, position).await;
    let head = scene.recovers().await;
    for task in [&before, &after, &gap.stream] {
        let found = patiently(&scene.world.project(), &format!("/v1/tasks/{task}")).await;
        assert_eq!(text(&found.expect(200), "id"), **task);
    }
    let messages = record::messages(&scene.world.nats, head).await;
    assert_eq!(messages.len(), usize::try_from(head).expect("a short log"));
}

#[tokio::test]
async fn an_event_that_webhooks_cannot_take_stops_webhooks_alone() {
    let scene = Scene::new(true).await;
    // Of an account whose name is none: whoever plans deliveries asks whose they are.
    let foreign = ByHand {
        account: "No Such Name".to_owned(),
        event: "task.claimed",
        payload: json!({ "lease_expires_at": null }),
        ..ByHand::task()
    };
    let position = foreign.insert(&scene.database).await;
    let said = scene.stand_still(position, &["webhooks"], 200).await;
    assert!(said.contains("cannot plan the event's deliveries"), "{said}");
    let task = scene.ada.task_id("after").await;
    scene.client().get(&format!("/v1/tasks/{task}")).await.expect(200);
    for name in ["relay", "policies", "projection.tasks", "projection.webhooks"] {
        scene.goes_on(name).await;
    }
    assert!(scene.receiver.requests().is_empty(), "nothing is planned past it");

    let sound = ByHand { account: "mended".to_owned(), ..foreign.sound() };
    sound.mend(&scene.database, position).await;
    scene.delivered(&task).await;
    record::caught_up(&scene.world).await;
    becomes(&scene.world.baton, 200, "ok").await;
}

#[tokio::test]
async fn an_event_about_a_webhook_stops_webhooks_and_their_model_and_no_task() {
    let scene = Scene::new(true).await;
    let id = Uuid::new_v4().to_string();
    let fields = json!({
        "url": "http://127.0.0.1:1/", "events": ["task.failed"], "signature_scheme": "body",
        "ordering": "per_task", "active": false, "secret_id": Uuid::new_v4(),
    });
    let sound = ByHand {
        kind: "webhook",
        event: "webhook.created",
        payload: json!({ "webhook_id": id, "fields": fields }),
        stream: id,
        ..ByHand::task()
    };
    let wrong = ByHand { event: "webhook.exploded", ..sound.clone() };
    let position = wrong.insert(&scene.database).await;
    scene.stand_still(position, &["projection.webhooks", "webhooks"], 503).await;
    let task = scene.ada.task_id("after").await;
    scene.client().get(&format!("/v1/tasks/{task}")).await.expect(200);
    for name in ["relay", "policies", "projection.tasks"] {
        scene.goes_on(name).await;
    }
    sound.mend(&scene.database, position).await;
    scene.delivered(&task).await;
    scene.recovers().await;
}

#[tokio::test]
async fn an_event_that_policies_cannot_take_stops_policies_alone() {
    let scene = Scene::new(true).await;
    // An id in a spelling that no task has.
    let id = Uuid::new_v4();
    let odd = ByHand { stream: id.to_string(), ..ByHand::task_of(id) };
    let position = odd.insert(&scene.database).await;
    scene.stand_still(position, &["policies"], 200).await;
    let first = scene.ada.task_id("first").await;
    let second = json!({ "content": "second", "depends_on": [first] });
    let second = text(&scene.client().post("/v1/tasks", second).await.expect(201), "id");
    let path = format!("/v1/tasks/{first}/complete");
    scene.client().post(&path, json!({})).await.expect(200);
    for name in ["relay", "webhooks", "projection.tasks", "projection.webhooks"] {
        scene.goes_on(name).await;
    }
    scene.delivered(&second).await;
    let waiting = scene.client().get(&format!("/v1/tasks/{second}")).await.expect(200);
    assert_eq!(waiting["status"], "blocked", "nobody unblocks it: {waiting}");

    odd.sound().mend(&scene.database, position).await;
    wait_until(LIMIT, "the dependent is open", async || {
        let task = patiently(scene.client(), &format!("/v1/tasks/{second}")).await;
        task.expect(200)["status"] == "open"
    })
    .await;
    record::caught_up(&scene.world).await;
    becomes(&scene.world.baton, 200, "ok").await;
}

#[tokio::test]
async fn the_relay_publishes_what_it_cannot_read_in_its_place_and_says_so() {
    let scene = Scene::new(false).await;
    let wrong = ByHand { event: "task.exploded", payload: json!({ "a": 1 }), ..ByHand::task() };
    let position = wrong.insert(&scene.database).await;
    scene.stand_still(position, &["projection.tasks"], 503).await;
    scene.ada.task_id("made after").await;
    for name in ["relay", "webhooks", "policies", "projection.webhooks"] {
        scene.goes_on(name).await;
    }
    let (head, _) = record::head_and_count(&scene.database).await;
    let messages = record::messages(&scene.world.nats, head).await;
    record::assert_stream_is_log(&messages, &record::log(&scene.database).await);
    let at = usize::try_from(position).expect("a short log") - 1;
    let message: Value = serde_json::from_slice(&messages[at].body).expect("JSON");
    let data = json!({ "event": { "a": 1 }, "task": null, "agent": null, "unreadable": true });
    assert_eq!(message["data"], data, "{message}");
    assert_eq!(message["position"], position.to_string());
    // Whoever follows by HTTP is not held up either.
    let feed = scene.world.project().get("/v1/events?limit=100").await.expect(200).to_string();
    assert!(feed.contains("task.exploded") && feed.contains("made after"), "{feed}");
    let unreadable = metrics(&scene.world.baton).await.value("baton_relay_unreadable_total", &[]);
    assert_eq!(unreadable, Some(1.0));
    let log = scene.world.baton.log();
    let said = log.lines().filter(|line| line.contains("without its subject"));
    assert_eq!(said.count(), 1, "{log}");

    wrong.sound().mend(&scene.database, position).await;
    scene.recovers().await;
}

const VERSION: &str = "select max(e.version) from public.events e \
     where e.account_id = $1 and e.stream_kind = 'account'";

#[tokio::test]
async fn an_event_of_an_account_closes_that_account_alone() {
    let mut scene = Scene::new(true).await;
    let opened = scene.world.baton.command(&["account", "create", "acme"]).await;
    let token = String::from_utf8(opened.stdout).expect("a token");
    let acme = scene.world.project().with(Credential::Bearer(token.trim().to_owned()));
    let made = acme.post("/v1/agents", json!({ "name": "wile" })).await.expect(201);
    let wile = acme.with(Credential::AgentKey(text(&made, "api_key")));
    wile.post("/v1/tasks", json!({ "content": "before" })).await.expect(201);
    let version: i64 = scene.database.query_one(VERSION, &[&"acme"]).await.expect("events").get(0);
    let id = Uuid::now_v7().to_string();
    let sound = ByHand {
        account: "acme".to_owned(),
        kind: "account",
        stream: "acme".to_owned(),
        version: version + 1,
        event: "agent.created",
        payload: json!({
            "agent_id": id, "name": "made-by-hand", "display_name": null, "description": null,
            "role": "worker", "permissions": [], "key_hash": "0".repeat(64), "key_prefix": "dlg_0000",
        }),
    };
    let wrong = ByHand { event: "agent.exploded", ..sound.clone() };
    let position = wrong.insert(&scene.database).await;
    for restarted in [false, true] {
        if restarted {
            scene.world.baton.restart().await;
        }
        let document = wait_for(LIMIT, "the account is closed", async || {
            let document = ready(&scene.world.baton).await.body;
            (document["dependencies"]["directory"]["accounts_closed"] == 1).then_some(document)
        })
        .await;
        assert!(!document.to_string().contains("acme"), "{document}");
        record::caught_up(&scene.world).await;
        becomes(&scene.world.baton, 200, "degraded").await;
        let seen = metrics(&scene.world.baton).await;
        assert_eq!(seen.value("baton_directory_accounts_closed", &[]), Some(1.0));
        for closed in [&acme, &wile] {
            assert_eq!(closed.get("/v1/tasks").await.status, 401);
            assert_eq!(closed.post("/v1/tasks", json!({ "content": "c" })).await.status, 401);
        }
        // Another account goes on, also with what happens to itself.
        let bob = scene.world.agent("bob").await;
        let task = bob.task_id("of another account").await;
        scene.delivered(&task).await;
        patiently(&bob.client, &format!("/v1/tasks/{task}")).await.expect(200);
    }
    let log = scene.world.baton.log();
    let said = log.lines().filter(|line| {
        line.contains("the account is closed") && line.contains(&format!("position={position}"))
    });
    assert_eq!(said.count(), 2, "once at each start: {log}");

    sound.mend(&scene.database, position).await;
    wait_until(LIMIT, "the account is open", async || {
        wile.get("/v1/tasks").await.status == 200 && acme.get("/v1/agents").await.status == 200
    })
    .await;
    let agents = acme.get("/v1/agents").await.expect(200).to_string();
    assert!(agents.contains("made-by-hand") && agents.contains("wile"), "{agents}");
    scene.recovers().await;
}
