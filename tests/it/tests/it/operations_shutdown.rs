//! An orderly stop: nobody's request is dropped, nothing is left held, others take over at once.

use std::time::{Duration, Instant};

use baton_harness::baton::Baton;
use baton_harness::client::try_send;
use baton_harness::receiver::{Answer as Receipt, Receiver};
use baton_harness::{wait_for, wait_until};
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_postgres::Client as Database;

use crate::operations::{FOLLOWERS, metrics};
use crate::record;
use crate::world::{LIMIT, World};

/// The appender's lock, held by a session: every command waits.
const HOLD: &str = "select pg_advisory_lock(7089075310400663399)";
const LET_GO: &str = "select pg_advisory_unlock(7089075310400663399)";
const WAITS: &str = "select exists (select from pg_catalog.pg_locks l where l.locktype = 'advisory' \
     and not l.granted and l.database = (select d.oid from pg_catalog.pg_database d \
     where d.datname = current_database()))";
const HOLDERS: &str = "select s.holder from public.subscriptions s where s.holder is not null";
const DELIVERIES: &str =
    "select d.state, d.attempt from public.webhook_deliveries d order by d.position";
/// The drain limit of requests, and what the process needs around it.
const EXIT_LIMIT: Duration = Duration::from_secs(25);

async fn answers(database: &Database, sql: &str) -> bool {
    database.query_one(sql, &[]).await.expect("an answer").get(0)
}

/// How many subscriptions a process holds.
async fn held(database: &Database, pid: i32) -> usize {
    let rows = database.query(HOLDERS, &[]).await.expect("the subscriptions");
    let mine = format!("{pid}-");
    rows.iter().filter(|row| row.get::<_, &str>(0).starts_with(&mine)).count()
}

/// Requests under way, the one that asks for it perhaps among them.
async fn in_flight(baton: &Baton) -> f64 {
    metrics(baton).await.value("baton_http_requests_in_flight", &[]).expect("a gauge")
}

/// No new connection is taken any more.
async fn is_closed(url: &str) {
    wait_until(LIMIT, "no new connection is taken", async || {
        TcpStream::connect(url.trim_start_matches("http://")).await.is_err()
    })
    .await;
}

#[tokio::test]
async fn requests_under_way_are_answered_and_a_successor_takes_over_at_once() {
    let mut world = World::new().await;
    let ada = world.agent("ada").await;
    record::caught_up(&world).await;
    let successor = world.another_node().await;
    let database = world.database.connect_as_superuser().await;
    let (pid, url) = (world.baton.pid(), world.baton.url());
    assert_eq!(held(&database, pid).await, FOLLOWERS.len(), "the first node holds everything");

    let keeper = world.database.connect_as_superuser().await;
    keeper.query_one(HOLD, &[]).await.expect("the lock");
    let post = |n: usize| {
        let request = ada.client.request(Method::POST, "/v1/tasks");
        try_send(request.json(&json!({ "content": format!("under way {n}") })))
    };
    let idle = in_flight(&world.baton).await;
    let under_way: Vec<_> = (0..20).map(|n| tokio::spawn(post(n))).collect();
    // All of them: a connection that nobody has taken yet is closed with the socket.
    let all = async || in_flight(&world.baton).await >= idle + 20.0;
    wait_until(LIMIT, "all requests are under way", all).await;
    wait_until(LIMIT, "commands wait for the lock", async || answers(&database, WAITS).await).await;
    let told = Instant::now();
    world.baton.sigterm();
    is_closed(&url).await;
    keeper.query_one(LET_GO, &[]).await.expect("the lock is free");
    for request in under_way {
        let answer = request.await.expect("no panic").expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    let status = world.baton.gone().await;
    assert!(status.success(), "{status}");
    assert!(told.elapsed() < EXIT_LIMIT, "{:?}", told.elapsed());
    assert_eq!(held(&database, pid).await, 0, "everything was given back");
    wait_until(LIMIT, "the successor holds everything", async || {
        held(&database, successor.pid()).await == FOLLOWERS.len()
    })
    .await;
    record::caught_up(&world).await;
    let list = ada.client.at(&successor).get("/v1/tasks?limit=100").await.expect(200);
    assert_eq!(list.as_array().expect("a list").len(), 20);
}

#[tokio::test]
async fn no_acknowledged_command_is_lost_when_a_node_stops_under_load() {
    let mut world = World::new().await;
    let ada = world.agent("ada").await;
    record::caught_up(&world).await;
    let (started, begun) = tokio::sync::watch::channel(0_usize);
    let started = std::sync::Arc::new(started);
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let (client, started) = (ada.client.clone(), started.clone());
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                loop {
                    let request = client.request(Method::POST, "/v1/tasks");
                    match try_send(request.json(&json!({ "content": "load" }))).await {
                        // Nothing that was taken is refused because the node is going.
                        Ok(answer) => {
                            assert_eq!(answer.status, 201, "{}", answer.text);
                            acknowledged
                                .push(answer.body["id"].as_str().expect("an id").to_owned());
                            started.send_modify(|count| *count += 1);
                        }
                        Err(_gone) => return acknowledged,
                    }
                }
            })
        })
        .collect();
    begun.clone().wait_for(|count| *count >= 200).await.expect("the writers are at work");
    let told = Instant::now();
    let status = world.baton.stop().await;
    assert!(status.success(), "{status}");
    assert!(told.elapsed() < EXIT_LIMIT, "{:?}", told.elapsed());
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.expect("every answer was 201"));
    }
    let database = world.database.connect().await;
    let log = record::log(&database).await;
    let made: std::collections::HashSet<&str> =
        log.iter().map(|event| event.stream.1.as_str()).collect();
    let lost = acknowledged.iter().filter(|id| !made.contains(id.as_str())).count();
    assert_eq!(lost, 0, "of {}", acknowledged.len());
    let log = world.baton.log();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
    world.baton.restart().await;
    record::caught_up(&world).await;
}

#[tokio::test]
async fn a_delivery_under_way_ends_before_the_process_does() {
    let mut world = World::new().await;
    let receiver = Receiver::start().await;
    receiver.answer_always(Receipt::status(200).after(Duration::from_millis(1_500)));
    let hook = json!({ "url": receiver.url() });
    world.project().post("/v1/webhooks", hook).await.expect(201);
    world.project().post("/v1/tasks", json!({ "content": "c" })).await.expect(201);
    receiver.wait_for(LIMIT, |requests| !requests.is_empty()).await;
    let status = world.baton.stop().await;
    assert!(status.success(), "{status}");
    let database = world.database.connect().await;
    let rows = database.query(DELIVERIES, &[]).await.expect("the deliveries");
    let rows: Vec<(String, i32)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(rows, [("delivered".to_owned(), 1)]);
    world.baton.restart().await;
    record::caught_up(&world).await;
    assert_eq!(receiver.requests().len(), 1, "nobody sends it again");
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    let mut world = World::new().await;
    let ada = world.agent("ada").await;
    let database = world.database.connect_as_superuser().await;
    let keeper = world.database.connect_as_superuser().await;
    keeper.query_one(HOLD, &[]).await.expect("the lock");
    let request = ada.client.request(Method::POST, "/v1/tasks");
    let under_way = tokio::spawn(try_send(request.json(&json!({ "content": "held up" }))));
    wait_until(LIMIT, "a command waits for the lock", async || answers(&database, WAITS).await)
        .await;
    let told = Instant::now();
    world.baton.sigterm();
    let url = world.baton.url();
    is_closed(&url).await;
    world.baton.sigterm();
    let status = world.baton.gone().await;
    assert_eq!(status.code(), Some(128 + 15), "{status}");
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
    assert!(under_way.await.expect("no panic").is_err(), "it was broken off");
    keeper.query_one(LET_GO, &[]).await.expect("the lock is free");
    // As after a crash: all is well at the next start.
    world.baton.restart().await;
    wait_for(LIMIT, "a command is taken again", async || {
        let answer = ada.client.post("/v1/tasks", json!({ "content": "again" })).await;
        (answer.status == 201).then_some(())
    })
    .await;
    record::caught_up(&world).await;
}

#[tokio::test]
async fn those_who_wait_for_news_do_not_hold_up_the_stop() {
    let mut world = World::new().await;
    let admin = world.project();
    let head = record::caught_up(&world).await;
    let stream = admin.request(Method::GET, "/v1/events/stream");
    let stream = stream.send().await.expect("an open stream");
    assert_eq!(stream.status(), 200);
    let poll = admin.request(Method::GET, &format!("/v1/events?after={head}&wait=30"));
    let polling = tokio::spawn(try_send(poll));
    wait_until(LIMIT, "the long poll is under way", async || {
        let seen = metrics(&world.baton).await;
        seen.value("baton_http_requests_in_flight", &[]) == Some(1.0)
    })
    .await;
    let told = Instant::now();
    let status = world.baton.stop().await;
    assert!(status.success(), "{status}");
    assert!(told.elapsed() < Duration::from_secs(10), "{:?}", told.elapsed());
    let answer = polling.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text);
    let rest = stream.text().await.unwrap_or_default();
    assert!(!rest.contains("error"), "{rest}");
}
