//! What operators see: `/health/ready`, `/metrics`, `baton status`, and the log's lines.

use std::time::{Duration, Instant};

use baton_harness::baton::{Baton, Builder};
use baton_harness::client::{Answer, Client, Credential, send};
use baton_harness::receiver::Receiver;
use baton_harness::{nats, postgres, wait_for, wait_until};
use reqwest::Method;
use serde_json::{Value, json};

use crate::exposition::{Exposition, Sample};
use crate::record;
use crate::world::{LIMIT, World, fresh, text};

pub(crate) const FOLLOWERS: [&str; 10] = [
    "ledger",
    "policies",
    "projection.comments",
    "projection.context",
    "projection.recurrences",
    "projection.tasks",
    "projection.webhooks",
    "relay",
    "scheduler",
    "webhooks",
];

const LOCK_EVENTS: &str = "lock table public.events in access exclusive mode";

/// `/health/ready`, as nobody in particular.
pub(crate) async fn ready(baton: &Baton) -> Answer {
    Client::new(&baton.url(), Credential::None).get("/health/ready").await
}

/// `/metrics`, likewise.
pub(crate) async fn metrics(baton: &Baton) -> Exposition {
    let answer = Client::new(&baton.url(), Credential::None).get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    Exposition::parse(&answer.text)
}

/// One subscription of a readiness document.
pub(crate) fn of<'a>(document: &'a Value, name: &str) -> &'a Value {
    let all = document["subscriptions"].as_array().expect("subscriptions");
    let found = all.iter().find(|it| it["name"] == name);
    found.unwrap_or_else(|| panic!("{name} in {document}"))
}

/// Waits until readiness is so, and gives the document.
pub(crate) async fn becomes(baton: &Baton, status: u16, word: &str) -> Value {
    let what = format!("readiness says {status} {word}");
    let mut last = String::new();
    let waiting = wait_for(LIMIT * 2, &what, async || {
        let answer = ready(baton).await;
        last.clone_from(&answer.text);
        (answer.status == status && answer.body["status"] == word).then_some(answer.body)
    });
    match tokio::time::timeout(LIMIT, waiting).await {
        Ok(document) => document,
        Err(_) => panic!("in vain: {what}; last: {last}"),
    }
}

#[tokio::test]
async fn a_node_that_is_well_says_so_and_names_nobody() {
    let world = World::new().await;
    let account = fresh("acme");
    let opened = world.baton.command(&["account", "create", &account]).await;
    assert!(opened.status.success());
    let token = String::from_utf8(opened.stdout).expect("a token");
    let other = world.project().with(Credential::Bearer(token.trim().to_owned()));
    other.post("/v1/tasks", json!({ "content": "c" })).await.expect(201);
    record::caught_up(&world).await;
    let document = becomes(&world.baton, 200, "ok").await;
    assert_eq!(document["ok"], true);
    let roles = json!(["api", "projector", "relay", "webhooks", "policies", "scheduler", "ledger"]);
    assert_eq!(document["roles"], roles);
    assert_eq!(document["dependencies"]["postgres"]["status"], "ok");
    assert_eq!(document["dependencies"]["nats"]["status"], "connected");
    let all = document["subscriptions"].as_array().expect("subscriptions");
    let names: Vec<&str> = all.iter().map(|it| it["name"].as_str().expect("a name")).collect();
    assert_eq!(names, FOLLOWERS);
    for subscription in all {
        assert_eq!(subscription["status"], "level", "{document}");
        assert_eq!(subscription["held_here"], true, "{document}");
        assert_eq!(subscription["lag_events"], 0, "{document}");
        assert_eq!(subscription["failure"], Value::Null, "{document}");
    }
    let client = world.nobody();
    for path in ["/health/ready", "/metrics"] {
        let answer = client.get(path).await;
        assert!(!answer.text.contains(&account), "{path}: {}", answer.text);
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(client.post(path, json!({})).await.status, 405, "{path}");
        let head = send(client.request(Method::HEAD, path)).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
    }
    // The other two stay as they are.
    for path in ["/health", "/health/live"] {
        assert_eq!(client.get(path).await.expect(200)["ok"], true);
    }
    let status = world.baton.command(&["status"]).await;
    let table = String::from_utf8(status.stdout).expect("text");
    assert!(status.status.success(), "{table}");
    for name in FOLLOWERS {
        assert!(
            table.lines().any(|line| line.starts_with(name) && line.contains("level")),
            "{table}"
        );
    }
}

#[tokio::test]
async fn a_request_whose_client_went_away_is_counted() {
    let world = World::new().await;
    let (project, under_way) = (world.project(), "baton_http_requests_in_flight");
    let head = project.get("/v1/events?limit=1000").await.expect(200)["head"].clone();
    let path = format!("/v1/events?after={head}&types=task.failed&wait=5");
    let poll = tokio::spawn(async move { project.get(&path).await });
    let value = async |name: &str, labels: &[(&str, &str)]| {
        let all = metrics(&world.baton).await.samples;
        let is_it = |it: &&Sample| {
            it.name == name
                && labels
                    .iter()
                    .all(|(label, value)| it.labels.get(*label).is_some_and(|is| is == value))
        };
        all.iter().find(is_it).map_or(0.0, |it| it.value)
    };
    wait_until(LIMIT, "it waits", async || value(under_way, &[]).await > 0.0).await;
    let listed = [("status", "2xx"), ("method", "GET"), ("operation", "listEvents")];
    let before = value("baton_http_requests_total", &listed).await;
    poll.abort();
    wait_until(LIMIT, "it is counted", async || {
        value("baton_http_requests_total", &listed).await > before
            && value(under_way, &[]).await < 1.0
    })
    .await;
}

#[tokio::test]
async fn nats_away_is_said_and_takes_no_node_out_of_service() {
    let mut world = World::new().await;
    let ada = world.agent("ada").await;
    becomes(&world.baton, 200, "ok").await;
    world.nats.kill().await;
    let document = becomes(&world.baton, 200, "degraded").await;
    assert_eq!(document["dependencies"]["nats"]["status"], "disconnected");
    let task = ada.task_id("c").await;
    ada.client.get(&format!("/v1/tasks/{task}")).await.expect(200);
    let document = wait_for(LIMIT, "the relay says that it stands still", async || {
        let document = ready(&world.baton).await.expect(200);
        (of(&document, "relay")["status"] == "failed").then_some(document)
    })
    .await;
    assert_eq!(of(&document, "relay")["failure"]["what"], "cannot relay");
    assert_eq!(of(&document, "relay")["failure"]["position"], Value::Null);
    let seen = metrics(&world.baton).await;
    assert_eq!(seen.value("baton_nats_connected", &[]), Some(0.0));
    assert_eq!(seen.value("baton_subscription_failed", &[("subscription", "relay")]), Some(1.0));
    assert!(!world.baton.command(&["status"]).await.status.success());
    world.nats.restart().await;
    becomes(&world.baton, 200, "ok").await;
}

#[tokio::test]
async fn without_postgres_a_node_is_not_ready_and_says_so_in_time() {
    let mut cluster = postgres::own_cluster().await;
    let (database, nats) = (cluster.database().await, nats::server().await);
    let baton = Baton::on(&database, &nats).await;
    becomes(&baton, 200, "ok").await;
    cluster.kill().await;
    let asked = Instant::now();
    let document = becomes(&baton, 503, "unavailable").await;
    assert_eq!(document["dependencies"]["postgres"]["status"], "away");
    assert_eq!(document["ok"], false);
    let answered = ready(&baton).await;
    assert_eq!(answered.status, 503);
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    // The process itself lives, and says how it is.
    assert_eq!(Client::new(&baton.url(), Credential::None).get("/health/live").await.status, 200);
    assert_eq!(metrics(&baton).await.value("baton_postgres_up", &[]), Some(0.0));
    cluster.restart().await;
    becomes(&baton, 200, "ok").await;
    assert_eq!(metrics(&baton).await.value("baton_postgres_up", &[]), Some(1.0));
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_said_in_time() {
    let world = World::new().await;
    becomes(&world.baton, 200, "ok").await;
    let mut keeper = world.database.connect_as_superuser().await;
    let transaction = keeper.transaction().await.expect("a transaction");
    transaction.batch_execute(LOCK_EVENTS).await.expect("nobody reads the log now");
    for _ in 0..3 {
        let asked = Instant::now();
        let document = becomes(&world.baton, 503, "unavailable").await;
        assert_eq!(document["dependencies"]["postgres"]["status"], "away");
        assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    }
    transaction.rollback().await.expect("the log can be read");
    becomes(&world.baton, 200, "ok").await;
}

#[tokio::test]
async fn a_process_of_some_roles_is_watched_likewise() {
    let world = World::new().await;
    let side = Builder::on(&world.database, &world.nats).roles("relay").start().await;
    let document = becomes(&side, 200, "ok").await;
    assert_eq!(document["roles"], json!(["relay"]));
    for name in FOLLOWERS {
        assert_eq!(of(&document, name)["takes_part"], name == "relay", "{document}");
        // The other node was first.
        assert_eq!(of(&document, name)["held_here"], false, "{document}");
    }
    let seen = metrics(&side).await;
    assert_eq!(seen.value("baton_subscription_held", &[]), Some(FOLLOWERS.len() as f64));
    assert_eq!(seen.value("baton_subscription_held_here", &[]), Some(0.0));
    // What nobody keeps is no longer there to be read, and that is the API's trouble alone.
    let all = metrics(&world.baton).await;
    assert_eq!(all.value("baton_subscription_held_here", &[]), Some(FOLLOWERS.len() as f64));
}

/// The catalogue's names, read from where the product lists them.
fn catalogue() -> Vec<String> {
    let source = include_str!("../../../../services/operations/src/catalog.rs");
    let source = source.split("#[cfg(test)]").next().expect("code before tests");
    let quoted = source.split('"').skip(1).step_by(2);
    let is_name = |text: &&str| text.starts_with("baton_") || text.starts_with("process_");
    quoted.filter(is_name).map(str::to_owned).collect()
}

#[tokio::test]
async fn metrics_count_what_happens() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let admin = world.project();
    admin.post("/v1/webhooks", json!({ "url": receiver.url() })).await.expect(201);
    let ada = world.agent("ada").await;
    record::caught_up(&world).await;
    let before = metrics(&world.baton).await;
    let task = ada.client.post_once("/v1/tasks", "k", json!({ "content": "c" })).await.expect(201);
    ada.client.post_once("/v1/tasks", "k", json!({ "content": "c" })).await.expect(201);
    let task = text(&task, "id");
    ada.client.get(&format!("/v1/tasks/{task}")).await.expect(200);
    ada.client.get("/v1/tasks/0000000000000000000000000000000f").await.expect(404);
    ada.client.post(&format!("/v1/tasks/{task}/complete"), json!({})).await.expect(200);
    ada.client.post(&format!("/v1/tasks/{task}/fail"), json!({})).await.expect(409);
    world.nobody().get("/v1/nowhere").await.expect(404);
    receiver.wait_for(LIMIT, |requests| requests.len() >= 2).await;
    let head = record::caught_up(&world).await;
    let head = f64::from(i32::try_from(head).expect("a short log"));
    // What the database says is up to a second old.
    wait_until(LIMIT, "the attempts are written down", async || {
        let seen = metrics(&world.baton).await;
        seen.value("baton_webhook_deliveries_due", &[]) == Some(0.0)
            && seen.value("baton_subscription_position", &[]) == Some(FOLLOWERS.len() as f64 * head)
    })
    .await;
    let after = metrics(&world.baton).await;
    let rise = |name: &str, labels: &[(&str, &str)]| {
        let value = |seen: &Exposition| seen.value(name, labels).unwrap_or_default();
        value(&after) - value(&before)
    };
    let requests = "baton_http_requests_total";
    let create = [("operation", "createTask"), ("method", "POST"), ("status", "2xx")];
    assert_eq!(rise(requests, &create), 2.0);
    let get = |status| [("operation", "getTask"), ("method", "GET"), ("status", status)];
    assert_eq!((rise(requests, &get("2xx")), rise(requests, &get("4xx"))), (1.0, 1.0));
    assert_eq!(rise(requests, &[("operation", "none"), ("status", "4xx")]), 1.0);
    let took = "baton_http_request_duration_seconds_count";
    assert_eq!(rise(took, &[("operation", "createTask")]), 2.0);
    assert_eq!(after.value("baton_http_requests_in_flight", &[]), Some(0.0));
    let commands = "baton_commands_total";
    assert_eq!(rise(commands, &[("outcome", "done")]), 2.0);
    assert_eq!(rise(commands, &[("outcome", "replayed")]), 1.0);
    assert_eq!(rise(commands, &[("outcome", "refused_task")]), 1.0);
    assert_eq!(rise("baton_append_commands_total", &[("outcome", "committed")]), 2.0);
    assert_eq!(rise("baton_append_events_total", &[]), 2.0);
    assert_eq!(rise("baton_append_batch_commands_sum", &[]), 2.0);
    assert_eq!(rise("baton_append_duration_seconds_count", &[]), 2.0);
    assert_eq!(rise("baton_relay_published_total", &[]), 2.0);
    assert_eq!(rise("baton_webhook_attempts_total", &[("outcome", "delivered")]), 2.0);
    assert_eq!(after.value("baton_webhook_endpoints", &[]), Some(1.0));
    assert_eq!(after.value("baton_webhook_endpoints_inactive", &[]), Some(0.0));
    assert_eq!(after.value("baton_log_position", &[]), Some(head));
    for name in FOLLOWERS {
        let labels = [("subscription", name)];
        assert_eq!(after.value("baton_subscription_position", &labels), Some(head), "{name}");
        assert_eq!(after.value("baton_subscription_held_here", &labels), Some(1.0), "{name}");
        assert_eq!(rise("baton_subscription_events_total", &labels), 2.0, "{name}");
    }
    assert_eq!(after.value("baton_directory_agents", &[]), Some(1.0));
    assert!(after.value("baton_pool_connections", &[("pool", "requests")]) >= Some(1.0));
}

#[tokio::test]
async fn every_metric_that_is_promised_is_served_and_no_other() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let admin = world.project();
    admin.post("/v1/webhooks", json!({ "url": receiver.url() })).await.expect(201);
    admin.post("/v1/tasks", json!({ "content": "c" })).await.expect(201);
    receiver.wait_for(LIMIT, |requests| !requests.is_empty()).await;
    record::caught_up(&world).await;
    let seen = metrics(&world.baton).await;
    let promised = catalogue();
    assert!(promised.len() > 40, "{promised:?}");
    // These come into being with what they count.
    let rare = [
        "baton_command_conflicts_total",
        "baton_subscription_failures_total",
        "baton_relay_unreadable_total",
        "baton_scheduler_fired_total",
        "baton_ledger_anchor_failures_total",
    ];
    for name in &promised {
        assert!(
            seen.kinds.contains_key(name) || rare.contains(&name.as_str()),
            "{name} is missing"
        );
    }
    for name in seen.kinds.keys() {
        assert!(promised.contains(name), "{name} is in no list");
    }
    // Whoever calls cannot make new series.
    let series = seen.samples.len();
    let client = world.nobody();
    for n in 0..20 {
        client.get(&format!("/v1/{}", fresh("nowhere"))).await.expect(404);
        let method = Method::from_bytes(format!("ODD{n}").as_bytes()).expect("a method");
        send(client.request(method, "/v1/tasks")).await;
    }
    let grown = metrics(&world.baton).await.samples.len() - series;
    assert!(grown < 60, "{grown} new series");
}

/// The lines of a log in JSON.
fn lines(log: &str) -> Vec<Value> {
    let parse = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|cause| panic!("{cause}: not JSON: {line}"))
    };
    log.lines().map(parse).collect()
}

#[tokio::test]
async fn log_lines_are_json_and_carry_the_request_id_to_the_event() {
    let world = World::with(|builder| builder.env("BATON_LOG_FORMAT", "json")).await;
    let ada = world.agent("ada").await;
    let id = uuid::Uuid::new_v4();
    let request = ada.client.request(Method::POST, "/v1/tasks?note=query-is-not-logged");
    let request = request.header("X-Request-Id", id.to_string());
    let made = send(request.json(&json!({ "content": "body-is-not-logged" }))).await;
    assert_eq!(made.header("x-request-id"), id.to_string());
    let task = text(&made.expect(201), "id");
    for nowhere in ["/v1/not-logged-either", "/not-logged-either"] {
        ada.client.get(nowhere).await.expect(404);
    }
    ready(&world.baton).await;
    metrics(&world.baton).await;
    let log = lines(&world.baton.log());
    let is_request = |line: &&Value| line["message"] == "request handled";
    let of_request: Vec<&Value> = log
        .iter()
        .filter(is_request)
        .filter(|line| line["span"]["correlation_id"] == id.to_string())
        .collect();
    let [line] = of_request[..] else { panic!("one line for the request: {of_request:?}") };
    assert_eq!(line["level"], "INFO", "{line}");
    assert_eq!((&line["method"], &line["status"]), (&json!("POST"), &json!(201)), "{line}");
    assert_eq!(line["route"], "/v1/tasks", "{line}");
    assert!(line["duration_ms"].is_number() && line["timestamp"].is_string(), "{line}");
    let database = world.database.connect().await;
    let events = record::stream(&database, &task).await;
    assert_eq!(events[0].correlation, id, "the event carries the request's id");
    let whole = world.baton.log();
    for silent in ["query-is-not-logged", "body-is-not-logged", "not-logged-either", "/metrics"] {
        assert!(!whole.contains(silent), "{silent}");
    }
    let requests = log.iter().filter(is_request).count();
    assert_eq!(requests, 4, "agent, task, and the two that are nowhere: {whole}");
}
