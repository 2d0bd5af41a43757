//! The real binary as operators meet it: local mode, restarts, refusals, shutdown.

use std::fs;
use std::path::Path;
use std::time::Duration;

use baton_harness::baton::{Baton, Builder};
use baton_harness::client::{agent, project};
use baton_harness::{nats, postgres, wait_for, wait_until};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(30);

/// The process ids of a local mode's servers.
fn servers(data: &Path) -> (String, String) {
    let first_line = |file: &str| {
        let text = fs::read_to_string(data.join(file)).expect("a running server's pid file");
        text.lines().next().unwrap_or_default().to_owned()
    };
    // As root, this may be a link to a home outside.
    (first_line("postgres/cluster/postmaster.pid"), first_line("nats/nats.pid"))
}

fn is_alive(pid: &str) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

#[tokio::test]
async fn a_node_serves_survives_a_kill_and_stops_cleanly() {
    let (database, nats) = (postgres::database().await, nats::server().await);
    let mut baton = Baton::on(&database, &nats).await;
    let (worker, _) = agent(&baton, "worker").await;
    let url = baton.url();

    baton.restart().await;
    assert_eq!(baton.url(), url);
    // The killed process holds the followers' leases for a while; until then, "try again".
    wait_until(LIMIT, "the agent is served again", async || {
        let me = worker.get("/v1/agent/me").await;
        assert!([200, 503].contains(&me.status), "{}", me.text);
        me.status == 200
    })
    .await;

    let status = baton.stop().await;
    assert!(status.success(), "{status}\n{}", baton.log());
}

#[tokio::test]
async fn local_mode_needs_nothing_and_takes_its_servers_along() {
    let mut baton = Builder::local().start().await;
    let made = project(&baton).post("/v1/tasks", json!({ "content": "hello" })).await.expect(201);
    let (postgres, nats) = servers(&baton.data_dir());
    assert!(is_alive(&postgres) && is_alive(&nats));

    // A killed baton's servers go on, and the next baton takes them over.
    baton.restart().await;
    assert_eq!(servers(&baton.data_dir()), (postgres.clone(), nats.clone()));
    let path = format!("/v1/tasks/{}", made["id"].as_str().unwrap());
    let task = wait_for(LIMIT, "the task is served again", async || {
        let task = project(&baton).get(&path).await;
        (task.status != 503).then_some(task)
    });
    assert_eq!(task.await.expect(200)["content"], "hello");

    let status = baton.stop().await;
    assert!(status.success(), "{status}\n{}", baton.log());
    wait_until(LIMIT, "its servers are gone", async || !is_alive(&postgres) && !is_alive(&nats))
        .await;
}

#[tokio::test]
async fn a_second_baton_on_a_data_directory_is_refused_in_one_line() {
    let (database, nats) = (postgres::database().await, nats::server().await);
    let first = Baton::on(&database, &nats).await;
    let second = Builder::on(&database, &nats).env("BATON_DATA_DIR", first.data_dir());
    let (status, log) = second.refusal().await;

    assert!(!status.success());
    let refusals: Vec<&str> = log.lines().filter(|line| line.contains("error")).collect();
    assert_eq!(refusals.len(), 1, "{log}");
    assert!(refusals[0].contains(&format!("another baton (process {})", first.pid())), "{log}");
}

#[tokio::test]
async fn a_wrong_setting_is_refused_by_name() {
    let (status, log) = Builder::local().env("BATON_LISTEN", "everywhere").refusal().await;
    assert!(!status.success());
    assert!(log.contains("BATON_LISTEN"), "{log}");
}
