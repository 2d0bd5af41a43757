//! P1: a command is answered with success only after its events are durable in Postgres.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use baton_harness::baton::Builder;
use baton_harness::client::{agent, project, try_send};
use baton_harness::wait_until;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::world::{LIMIT, patiently, text};

const WRITERS: usize = 6;
const ROUNDS: usize = 3;

/// Ends every process of the private Postgres at this instant, as a power cut would.
fn crash_postgres(data: &Path) {
    let file = data.join("postgres/cluster/postmaster.pid");
    let text = fs::read_to_string(&file).expect("a running Postgres has a pid file");
    let postmaster = text.lines().next().expect("its pid").to_owned();
    let children = Command::new("ps").args(["-o", "pid=", "--ppid", &postmaster]).output();
    let children = String::from_utf8(children.expect("ps runs").stdout).expect("numbers");
    // All in one call; a child may be gone by then.
    let mut kill = Command::new("kill");
    kill.args(["-KILL", &postmaster]).args(children.split_whitespace());
    kill.output().expect("kill runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_crash_of_baton_and_of_postgres() {
    let mut baton = Builder::local().start().await;
    let (writer, _) = agent(&baton, "writer").await;
    for round in 0..ROUNDS {
        let (done, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut writers = JoinSet::new();
        for n in 0..WRITERS {
            let (client, done, count) = (writer.clone(), done.clone(), count.clone());
            writers.spawn(async move {
                let mut acknowledged = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    let body = json!({ "content": format!("{round} {n}") });
                    let request = client.request(Method::POST, "/v1/tasks").json(&body);
                    // The crash may cut this one off: then nothing was promised.
                    let Ok(answer) = try_send(request).await else { break };
                    if answer.status == 201 {
                        acknowledged.push(text(&answer.body, "id"));
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
                acknowledged
            });
        }
        wait_until(LIMIT, "a load", async || count.load(Ordering::Relaxed) > 40).await;
        crash_postgres(&baton.data_dir());
        baton.kill9();
        done.store(true, Ordering::Relaxed);
        baton.restart().await;
        let admin = project(&baton);
        while let Some(acknowledged) = writers.join_next().await {
            for id in acknowledged.expect("a writer that ends") {
                let read = patiently(&admin, &format!("/v1/tasks/{id}")).await;
                assert_eq!(read.status, 200, "round {round}: {id} was acknowledged and is lost");
            }
        }
    }
}
