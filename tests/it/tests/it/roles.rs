//! Roles: the work of one node spread over processes around one Postgres and one NATS, and taken
//! over when a process dies or stands still.

use std::time::Duration;

use baton_harness::baton::{Baton, Builder};
use baton_harness::client::{Client, agent, project};
use baton_harness::nats::{self, Nats};
use baton_harness::postgres::{self, Database};
use baton_harness::receiver::Receiver;
use serde_json::{Value, json};

use crate::world::{LIMIT, patiently, text};

/// Two processes of every role but `api`, so that each follower has a stand-by.
struct Spread {
    api: Baton,
    other_api: Baton,
    followers: [Baton; 2],
    receiver: Receiver,
    /// Gone when dropped.
    _servers: (Database, Nats),
}

const FOLLOWERS: &str = "projector,relay,webhooks,policies,scheduler,ledger";

impl Spread {
    async fn new() -> Spread {
        let (database, nats) = (postgres::database().await, nats::server().await);
        let start = |roles| Builder::on(&database, &nats).roles(roles).start();
        let followers = [start(FOLLOWERS).await, start(FOLLOWERS).await];
        let (api, other_api) = (start("api").await, start("api").await);
        let receiver = Receiver::start().await;
        let hook = json!({ "url": receiver.url() });
        project(&api).post("/v1/webhooks", hook).await.expect(201);
        Spread { api, other_api, followers, receiver, _servers: (database, nats) }
    }

    /// A task goes its way over all processes: made at one, completed at another, its dependent
    /// opened, everything delivered.
    async fn works(&self) {
        let (ada, _) = agent(&self.api, &crate::world::fresh("ada")).await;
        let first = ada.post("/v1/tasks", json!({ "content": "first" })).await.expect(201);
        let first = text(&first, "id");
        let second = json!({ "content": "second", "depends_on": [first] });
        let second = ada.post("/v1/tasks", second).await.expect(201);
        assert_eq!(second["status"], "blocked", "{second}");
        let second = text(&second, "id");
        let other = ada.at(&self.other_api);
        other.post(&format!("/v1/tasks/{first}/complete"), json!({})).await.expect(200);
        is_open(&other, &second).await;
        let is_of = |request: &Value| request["task"]["id"] == *second;
        let delivered = self.receiver.wait_for(LIMIT, |requests| {
            requests.iter().any(|it| it.event() == "task.unblocked" && is_of(&it.json()))
        });
        delivered.await;
    }
}

async fn is_open(client: &Client, task: &str) {
    baton_harness::wait_until(LIMIT, "the dependent is open", async || {
        patiently(client, &format!("/v1/tasks/{task}")).await.expect(200)["status"] == "open"
    })
    .await;
}

#[tokio::test]
async fn the_work_is_spread_over_processes_and_taken_over() {
    let mut spread = Spread::new().await;
    spread.works().await;
    // Whichever of them holds which subscription: the other takes over what it held.
    spread.followers[0].kill9();
    spread.works().await;
    spread.followers[0].restart().await;
    spread.followers[1].sigstop();
    spread.works().await;
    // It wakes up beside its successor.
    spread.followers[1].sigcont();
    spread.works().await;
    spread.followers[0].kill9();
    spread.works().await;
}

#[tokio::test]
async fn a_process_without_the_role_serves_its_health_and_no_api() {
    let spread = Spread::new().await;
    let follower = project(&spread.followers[0]);
    follower.get("/health").await.expect(200);
    assert_eq!(follower.get("/v1/tasks").await.status, 404);
    assert_eq!(project(&spread.api).get("/v1/tasks").await.status, 200);
}

#[tokio::test]
async fn roles_that_need_what_is_not_there_are_refused_with_the_setting_to_set() {
    let (status, log) = Builder::local().roles("api,relay").refusal().await;
    assert!(!status.success());
    assert!(log.contains("BATON_DATABASE_URL"), "{log}");
    let database = postgres::database().await;
    let nats = nats::server().await;
    let builder = Builder::on(&database, &nats).without("BATON_NATS_URL").roles("relay");
    let (status, log) = builder.refusal().await;
    assert!(!status.success());
    assert!(log.contains("BATON_NATS_URL"), "{log}");
    let (status, log) = Builder::local().roles("cook").refusal().await;
    assert!(!status.success());
    assert!(log.contains("projector"), "the roles there are: {log}");
}

/// Wake-ups between processes: without them a reader would wait for a poll of half a second.
#[tokio::test]
async fn a_commit_in_one_process_wakes_the_followers_of_another() {
    let spread = Spread::new().await;
    let (ada, _) = agent(&spread.api, "ada").await;
    let mut waits = Vec::new();
    for number in 0..20 {
        let task = json!({ "content": format!("task {number}") });
        ada.post("/v1/tasks", task).await.expect(201);
        let begun = std::time::Instant::now();
        ada.get("/v1/tasks").await.expect(200);
        waits.push(begun.elapsed());
    }
    waits.sort_unstable();
    let median = waits[waits.len() / 2];
    assert!(median < Duration::from_millis(200), "reads after writes waited {waits:?}");
}
