//! A subscriber written with a published NATS client, as a user would write it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use baton_harness::python;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use crate::record;
use crate::world::{LIMIT, World};

/// `examples/subscriber.py` at work, gone with the test.
struct Subscriber {
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Subscriber {
    /// Starts it and waits until it listens.
    async fn start(world: &World, arguments: &[&str]) -> Subscriber {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/subscriber.py");
        let python = tokio::task::spawn_blocking(python::interpreter).await.expect("a Python");
        let mut command = Command::new(python);
        command.arg(script).args(["--url", &world.nats.url]).args(arguments);
        let mut command = tokio::process::Command::from(command);
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("it runs");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut subscriber = Subscriber { lines, _child: child };
        assert!(subscriber.line().await["listening"].is_string());
        subscriber
    }

    async fn line(&mut self) -> Value {
        let line = tokio::time::timeout(LIMIT, self.lines.next_line()).await;
        let line = line.expect("a line in time").expect("output").expect("one more line");
        serde_json::from_str(&line).expect("JSON")
    }
}

fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs_f64()
}

#[tokio::test]
async fn a_subscriber_sees_a_completion_within_100_ms_of_the_answer() {
    let world = World::new().await;
    let agent = world.agent("writer").await;
    record::caught_up(&world).await;
    let wanted = ["--subject", "baton.v1.default.task.completed.*"];
    let mut subscriber = Subscriber::start(&world, &wanted).await;
    let mut delays_ms = Vec::new();
    for n in 0..21 {
        let id = agent.task_id(&format!("task {n}")).await;
        let done = agent.client.post(&format!("/v1/tasks/{id}/complete"), json!({})).await;
        let answered = now_s();
        done.expect(200);
        let seen = subscriber.line().await;
        assert_eq!(seen["event"]["type"], "task.completed");
        assert_eq!(seen["event"]["data"]["task"]["id"], json!(id));
        delays_ms.push((seen["received"].as_f64().expect("a time") - answered) * 1e3);
    }
    delays_ms.sort_by(f64::total_cmp);
    assert!(delays_ms[delays_ms.len() / 2] < 100.0, "{delays_ms:?}");
}

#[tokio::test]
async fn a_subscriber_starts_from_any_position() {
    let world = World::new().await;
    let agent = world.agent("writer").await;
    for n in 0..10 {
        agent.task(&format!("task {n}")).await;
    }
    record::caught_up(&world).await;
    let log = record::log(&world.database.connect().await).await;
    for from in [1, 2, log.len() / 2, log.len()] {
        let mut subscriber = Subscriber::start(&world, &["--from", &from.to_string()]).await;
        for event in &log[from - 1..] {
            let seen = subscriber.line().await;
            assert_eq!(seen["sequence"], json!(event.position));
            assert_eq!(seen["event"]["position"], json!(event.position.to_string()));
            assert_eq!(seen["event"]["id"], json!(event.id.to_string()));
            assert_eq!(seen["event"]["type"], json!(event.event));
        }
    }
}
