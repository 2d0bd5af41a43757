//! The loop of the example workers: claim what is most urgent, say that it goes on, give back what
//! one cannot do, complete the rest, and stop when there is nothing left.

use baton_harness::client::{Answer, send};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Agent, World, assert_has, assert_timestamp, problem, text};

const LEASE_SECONDS: i64 = 60;

/// A worker as the examples write it: each request names a JSON body, also where there is none.
struct Worker {
    agent: Agent,
    prefix: &'static str,
    label: String,
}

impl Worker {
    async fn post(&self, path: &str, body: Option<Value>) -> Answer {
        let path = format!("{}{path}", self.prefix);
        let request = self.agent.client.request(Method::POST, &path);
        let request = request.header("Content-Type", "application/json");
        send(match body {
            Some(body) => request.body(body.to_string()),
            None => request,
        })
        .await
    }

    /// The next task of the queue, or null.
    async fn claim(&self) -> Value {
        let body = json!({ "labels": [self.label], "lease_seconds": LEASE_SECONDS });
        self.post("/tasks/claim", Some(body)).await.expect(200)["task"].clone()
    }

    async fn heartbeat(&self, id: &str) -> Answer {
        let body = json!({ "lease_seconds": LEASE_SECONDS });
        self.post(&format!("/tasks/{id}/heartbeat"), Some(body)).await
    }
}

fn time(task: &Value, member: &str) -> Timestamp {
    assert_timestamp(&task[member]);
    text(task, member).parse().expect("a timestamp")
}

#[tokio::test]
async fn x1_a_worker_takes_what_is_most_urgent_and_gives_back_what_it_cannot_do() {
    let world = World::shared().await;
    for prefix in ["/v1", "/api"] {
        let agent = world.agent("worker").await;
        // The examples say `worker-demo`; other tests share this queue.
        let label = format!("demo-of-{}", agent.name);
        let worker = Worker { agent, prefix, label };
        // Not in the order in which they are to be taken.
        let tasks = [
            ("UNSUPPORTED: transcribe the all-hands recording", 3, "audio"),
            ("Summarize last week's support tickets", 1, "reporting"),
            ("Refresh the pricing comparison spreadsheet", 2, "research"),
        ];
        for (content, priority, label) in tasks {
            let labels = json!([worker.label, label]);
            let body = json!({ "content": content, "priority": priority, "labels": labels });
            worker.post("/tasks", Some(body)).await.expect(201);
        }
        for (expected, priority, _) in [tasks[1], tasks[2]] {
            let task = worker.claim().await;
            let id = text(&task, "id");
            assert_has(
                &task,
                json!({
                    "content": expected, "priority": priority, "status": "claimed",
                    "claimed_by_agent_id": worker.agent.id,
                }),
            );
            let lease = time(&task, "lease_expires_at").duration_since(time(&task, "claimed_at"));
            // It was recorded a little later than it was asked for.
            let asked = SignedDuration::from_secs(LEASE_SECONDS);
            assert!(lease <= asked && lease > asked / 2, "{lease}");
            let beaten = worker.heartbeat(&id).await.expect(200);
            assert!(time(&beaten, "lease_expires_at") >= time(&task, "lease_expires_at"));
            assert_eq!(beaten["claimed_at"], task["claimed_at"]);
            let done = worker.post(&format!("/tasks/{id}/complete"), None).await.expect(200);
            assert_has(&done, json!({ "id": id, "status": "completed" }));
            assert_timestamp(&done["completed_at"]);
            problem(&worker.heartbeat(&id).await, 409);
        }
        gives_back(&worker, tasks[0].0).await;
    }
}

/// What is left is nothing for this worker: it gets it again and again, until somebody else takes
/// it.
async fn gives_back(worker: &Worker, expected: &str) {
    for _ in 0..2 {
        let task = worker.claim().await;
        assert_eq!(task["content"], expected);
        assert_eq!(worker.claim().await, json!(null));
        let release = format!("/tasks/{}/release", text(&task, "id"));
        let released = worker.post(&release, None).await.expect(200);
        assert_has(
            &released,
            json!({
                "status": "open", "claimed_by_agent_id": null, "claimed_at": null,
                "lease_expires_at": null,
            }),
        );
    }
    let task = worker.claim().await;
    let complete = format!("/tasks/{}/complete", text(&task, "id"));
    worker.post(&complete, None).await.expect(200);
    assert_eq!(worker.claim().await, json!(null));
}
