//! The pipeline and the delegation by name, call by call, as its users were taught it.

use baton_harness::client::{Client, Credential, send};
use baton_harness::receiver::{Received, Receiver};
use baton_harness::signature::{verify_body, verify_standard};
use hmac::{Hmac, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::record;
use crate::world::{Agent, LIMIT, World, assert_has, assert_timestamp, fresh, ids, problem, text};

const SECRET: &str = "whsec_your_signing_secret";
const RESULT: &str = "## Competitor Analysis\n1. Tool A — ...\n2. Tool B — ...";
const SOURCES: [&str; 2] = ["https://example.com/report1", "https://example.com/report2"];

/// A Baton with the agents of the article under their own names.
struct Pipeline {
    world: World,
    prefix: &'static str,
}

impl Pipeline {
    async fn new(prefix: &'static str) -> Pipeline {
        Pipeline { world: World::new().await, prefix }
    }

    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// A1 to A4: the answer, and the agent it made.
    async fn agent(&self, name: &str, label: &str) -> (Value, Agent) {
        let body = json!({ "name": name, "label": label });
        let made = self.world.project().post(&self.path("/agents"), body).await.expect(201);
        let key = Credential::AgentKey(text(&made, "api_key"));
        let agent = Agent {
            client: self.world.project().with(key),
            id: text(&made, "id"),
            name: name.to_owned(),
        };
        (made, agent)
    }

    async fn webhook(&self, receiver: &Receiver, events: Option<Value>) -> Value {
        let mut body = json!({ "url": receiver.url(), "secret": SECRET });
        if let Some(events) = events {
            body["events"] = events;
        }
        self.world.project().post(&self.path("/webhooks"), body).await.expect(201)
    }

    async fn create(&self, by: &Client, body: Value) -> Value {
        by.post(&self.path("/tasks"), body).await.expect(201)
    }

    async fn hand_over(&self, by: &Client, task: &str, to: &str) -> Value {
        let path = self.path(&format!("/tasks/{task}/delegate"));
        by.post(&path, json!({ "agent_id": to })).await.expect(200)
    }

    async fn complete(&self, by: &Client, task: &str, body: Value) -> Value {
        by.post(&self.path(&format!("/tasks/{task}/complete")), body).await.expect(200)
    }
}

fn research() -> Value {
    json!({
        "content": "Research top 5 competitors in the AI task management space",
        "priority": 1,
        "metadata": {
            "pipeline": "blog-post-q1",
            "step": "research",
            "output_format": "markdown",
        },
    })
}

fn result() -> Value {
    json!({ "metadata": { "result": RESULT, "sources": SOURCES } })
}

fn of_event<'a>(requests: &'a [Received], event: &str) -> Vec<&'a Received> {
    requests.iter().filter(|request| request.event() == event).collect()
}

#[tokio::test]
async fn a1_to_a4_agents_get_keys_that_work_at_once() {
    for prefix in ["/v1", "/api"] {
        let pipeline = Pipeline::new(prefix).await;
        for (name, label) in [
            ("orchestrator", "Orchestrator Agent"),
            ("research-agent", "Research Agent"),
            ("writer-agent", "Writer Agent"),
            ("editor-agent", "Editor Agent"),
        ] {
            let (made, agent) = pipeline.agent(name, label).await;
            assert_has(&made, json!({ "name": name, "label": label, "role": "worker" }));
            let key = text(&made, "api_key");
            assert!(key.starts_with("dlg_") && key.len() == 47, "{key}");

            let me = agent.client.get(&pipeline.path("/agent/me")).await.expect(200);
            assert_eq!(me["agent"]["name"], name);
            let bearer = agent.client.with(Credential::Bearer(key));
            let me = bearer.get(&pipeline.path("/agent/me")).await.expect(200);
            assert_eq!(me["agent"]["name"], name);

            let body = json!({ "name": name, "label": label });
            let again = pipeline.world.project().post(&pipeline.path("/agents"), body).await;
            problem(&again, 409);
        }
    }
}

#[tokio::test]
async fn a5_to_a13_one_task_from_creation_to_result() {
    for prefix in ["/v1", "/api"] {
        let pipeline = Pipeline::new(prefix).await;
        let (_, orchestrator) = pipeline.agent("orchestrator", "Orchestrator Agent").await;
        let (_, researcher) = pipeline.agent("research-agent", "Research Agent").await;
        let everything = Receiver::start().await;
        pipeline.webhook(&everything, None).await;
        let id = handed_over(&pipeline, &orchestrator, &researcher).await;
        // A10
        let finished = Receiver::start().await;
        let events = json!(["task.completed", "task.failed"]);
        let webhook = pipeline.webhook(&finished, Some(events.clone())).await;
        assert_has(&webhook, json!({ "active": true, "events": events, "url": finished.url() }));
        assert_eq!(webhook.get("secret"), None, "{webhook}");
        // A12
        let done = pipeline.complete(&researcher.client, &id, result()).await;
        assert_has(&done, json!({ "status": "completed", "completed_by": "research-agent" }));
        assert_has(
            &done["metadata"],
            json!({
                "pipeline": "blog-post-q1",
                "step": "research",
                "output_format": "markdown",
                "result": RESULT,
                "sources": SOURCES,
            }),
        );
        // A11, A20
        let sent = finished.wait_for(LIMIT, |requests| !requests.is_empty()).await;
        assert_delivered(&sent[0], &id);
        // A5, A7: their events, in the order of protocol 4.1.
        let sent = everything.wait_for(LIMIT, |requests| requests.len() >= 4).await;
        let names: Vec<&str> = sent.iter().map(Received::event).collect();
        assert_eq!(names, ["task.created", "task.delegated", "task.assigned", "task.completed"]);
        // A13: a repeat is harmless.
        pipeline.complete(&researcher.client, &id, json!({})).await;
        record::caught_up(&pipeline.world).await;
        assert_eq!(finished.requests().len(), 1);
    }
}

/// A5, A7, A9: a task that is made, handed over and found by its new assignee; its id.
async fn handed_over(pipeline: &Pipeline, orchestrator: &Agent, researcher: &Agent) -> String {
    // A5
    let task = pipeline.create(&orchestrator.client, research()).await;
    let id = text(&task, "id");
    assert_has(
        &task,
        json!({
            "content": "Research top 5 competitors in the AI task management space",
            "priority": 1,
            "metadata": research()["metadata"],
            "status": "open",
            "created_by_agent_id": orchestrator.id,
        }),
    );
    // A7
    let handed = pipeline.hand_over(&orchestrator.client, &id, "research-agent").await;
    assert_has(
        &handed,
        json!({
            "id": id,
            "status": "open",
            "assigned_to": "research-agent",
            "assigned_to_agent_id": researcher.id,
            "delegated_by_agent_id": orchestrator.id,
        }),
    );
    let chain = pipeline.path(&format!("/tasks/{id}/chain"));
    let chain = orchestrator.client.get(&chain).await.expect(200);
    assert_eq!(chain["chain"].as_array().map(Vec::len), Some(1), "{chain}");
    // A9
    let list = pipeline.path("/tasks?assigned_to=research-agent");
    let list = researcher.client.get(&list).await.expect(200);
    assert_eq!(ids(&list), [id.as_str()]);
    assert_eq!(list[0]["metadata"], research()["metadata"]);
    id
}

/// A11 and A20, with the signature recomputed here and, independently, by the harness.
fn assert_delivered(request: &Received, task: &str) {
    let body = request.json();
    assert_eq!(body["event"], "task.completed");
    assert_timestamp(&body["timestamp"]);
    assert_eq!(body["id"], request.header("X-Delega-Delivery"));
    assert_has(
        &body["task"],
        json!({
            "id": task,
            "content": "Research top 5 competitors in the AI task management space",
            "completed_by": "research-agent",
            "status": "completed",
        }),
    );
    assert_has(
        &body["task"]["metadata"],
        json!({ "pipeline": "blog-post-q1", "step": "research", "result": RESULT }),
    );
    assert_eq!(body["agent"]["name"], "research-agent");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key");
    mac.update(&request.body);
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    assert_eq!(request.header("X-Delega-Signature"), signature);
    verify_body(request, SECRET).expect("the signature of scheme body");
    verify_standard(request, SECRET).expect("the Standard Webhooks headers");
}

#[tokio::test]
async fn a10_the_seeds_own_webhook_registers_although_its_host_does_not_exist() {
    let pipeline = Pipeline::new("/v1").await;
    let body = json!({
        "url": "https://your-server.com/hooks/delega",
        "events": ["task.completed", "task.failed"],
        "secret": SECRET,
    });
    let made = pipeline.world.project().post("/v1/webhooks", body).await.expect(201);
    assert_has(
        &made,
        json!({
            "url": "https://your-server.com/hooks/delega",
            "events": ["task.completed", "task.failed"],
            "active": true,
            "failure_count": 0,
            "signature_scheme": "body",
            "agent_id": null,
        }),
    );
    assert_eq!(made.get("secret"), None, "{made}");
}

#[tokio::test]
async fn a14_to_a17_the_whole_pipeline_driven_by_webhooks() {
    let pipeline = Pipeline::new("/v1").await;
    let (_, orchestrator) = pipeline.agent("orchestrator", "Orchestrator Agent").await;
    let receiver = Receiver::start().await;
    pipeline.webhook(&receiver, Some(json!(["task.completed"]))).await;
    let mut previous: Option<(&str, String)> = None;
    for (step, content, worker) in [
        (1, "Research AI task management competitors", "research-agent"),
        (2, "Write blog post based on research findings", "writer-agent"),
        (3, "Edit and proofread blog post draft", "editor-agent"),
    ] {
        let (_, agent) = pipeline.agent(worker, worker).await;
        let mut metadata = json!({ "pipeline": "blog", "step": step });
        if let Some((name, id)) = &previous {
            metadata[*name] = json!(id);
        }
        let body = json!({ "content": content, "priority": 1, "metadata": metadata });
        let task = pipeline.create(&orchestrator.client, body).await;
        assert_eq!(task["metadata"], metadata);
        let id = text(&task, "id");
        let handed = pipeline.hand_over(&orchestrator.client, &id, worker).await;
        assert_has(&handed, json!({ "id": id, "assigned_to": worker, "status": "open" }));
        pipeline.complete(&agent.client, &id, json!({ "metadata": { "result": step } })).await;

        let sent = receiver.wait_for(LIMIT, |requests| requests.len() >= step).await;
        let last = sent.last().expect("a delivery");
        verify_body(last, SECRET).expect("a good signature");
        assert_has(&last.json()["task"], json!({ "id": id, "completed_by": worker }));
        previous = Some((if step == 1 { "research_task_id" } else { "writer_task_id" }, id));
    }
}

#[tokio::test]
async fn a18_and_a19_three_hops_are_three_entries_of_the_chain() {
    let pipeline = Pipeline::new("/v1").await;
    let (_, orchestrator) = pipeline.agent("orchestrator", "Orchestrator Agent").await;
    let (_, researcher) = pipeline.agent("research-agent", "Research Agent").await;
    let (_, data) = pipeline.agent("data-agent", "Data Agent").await;
    let id = text(&pipeline.create(&orchestrator.client, research()).await, "id");
    pipeline.hand_over(&orchestrator.client, &id, "research-agent").await;
    pipeline.hand_over(&researcher.client, &id, "data-agent").await;
    pipeline.hand_over(&data.client, &id, "research-agent").await;

    let chain = orchestrator.client.get(&format!("/v1/tasks/{id}/chain")).await.expect(200);
    assert_has(&chain, json!({ "task_id": id, "root_id": id, "depth": 0, "total_count": 1 }));
    let hops = chain["chain"].as_array().expect("hops");
    let people: Vec<_> = hops.iter().map(|hop| (text(hop, "from"), text(hop, "to"))).collect();
    let expected = [
        ("orchestrator", "research-agent"),
        ("research-agent", "data-agent"),
        ("data-agent", "research-agent"),
    ];
    let expected = expected.map(|(from, to)| (from.to_owned(), to.to_owned()));
    assert_eq!(people, expected);
    let times: Vec<String> = hops.iter().map(|hop| text(hop, "at")).collect();
    assert!(times.is_sorted(), "{times:?}");
    hops.iter().for_each(|hop| assert_timestamp(&hop["at"]));
}

#[tokio::test]
async fn a21_a_failure_by_update_and_by_path_is_delivered_signed() {
    let pipeline = Pipeline::new("/v1").await;
    let (_, orchestrator) = pipeline.agent("orchestrator", "Orchestrator Agent").await;
    let receiver = Receiver::start().await;
    pipeline.webhook(&receiver, Some(json!(["task.completed", "task.failed"]))).await;
    let one = orchestrator.task_id("fails by update").await;
    let other = orchestrator.task_id("fails by path").await;
    let path = format!("/v1/tasks/{one}");
    let update = orchestrator.client.patch(&path, json!({ "status": "failed" })).await;
    assert_eq!(update.expect(200)["status"], "failed");
    let path = format!("/v1/tasks/{other}/fail");
    let failed = orchestrator.client.post(&path, json!({ "error_message": "no data" })).await;
    assert_has(
        &failed.expect(200),
        json!({ "status": "failed", "error_message": "no data", "completed": false }),
    );

    let sent = receiver.wait_for(LIMIT, |requests| requests.len() >= 2).await;
    for request in of_event(&sent, "task.failed") {
        verify_body(request, SECRET).expect("a good signature");
        assert_eq!(request.json()["task"]["status"], "failed");
    }
    let mut failed: Vec<String> = sent.iter().map(|one| text(&one.json()["task"], "id")).collect();
    failed.sort();
    let mut expected = [one, other];
    expected.sort();
    assert_eq!(failed, expected);
}

#[tokio::test]
async fn b1_a_task_is_assigned_by_name() {
    let world = World::shared().await;
    let frontend = world.agent("agent-frontend").await;
    let agent = world.agent("writer").await;
    for prefix in ["/v1", "/api"] {
        let body = |to: &str| {
            json!({
                "content": "Fix the broken CSS on /pricing",
                "priority": 1,
                "assigned_to_agent_id": to,
            })
        };
        let path = format!("{prefix}/tasks");
        let made = agent.client.post(&path, body(&frontend.name)).await.expect(201);
        assert_eq!(made["assigned_to_agent_id"], json!(frontend.id));
        let nobody = agent.client.post(&path, body(&fresh("nobody"))).await;
        assert_eq!(problem(&nobody, 404)["error"], "Agent not found");
    }
}

#[tokio::test]
async fn b2_a_task_is_completed_with_neither_body_nor_content_type() {
    let world = World::shared().await;
    let agent = world.agent("worker").await;
    for prefix in ["/v1", "/api"] {
        let id = agent.task_id("complete me").await;
        let path = format!("{prefix}/tasks/{id}/complete");
        let done = send(agent.client.request(Method::POST, &path)).await.expect(200);
        assert_has(&done, json!({ "status": "completed", "completed": true }));
        // The published clients send the header also where there is no body.
        let request = agent.client.request(Method::POST, &path);
        send(request.header("Content-Type", "application/json")).await.expect(200);
    }
}
