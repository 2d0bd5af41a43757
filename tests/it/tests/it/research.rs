//! A question that a coding agent leaves to a researcher by a routing label, and the setting up of
//! a first agent, call by call as their users were taught them.

use baton_harness::client::{Answer, Client, Credential};
use baton_harness::receiver::Receiver;
use serde_json::{Value, json};

use crate::world::{LIMIT, World, assert_has, ids, problem, text};

const PREFIXES: [&str; 2] = ["/v1", "/api"];

/// Two agents, whose keys go into `Authorization`.
struct Research {
    world: World,
    prefix: &'static str,
    coder: Client,
    coder_id: String,
    researcher: Client,
    researcher_id: String,
}

impl Research {
    /// The researcher is the one to which `@researcher` routes, by what it is called.
    async fn new(prefix: &'static str, researcher: Value) -> Research {
        let world = World::new().await;
        let (coder, coder_id) = agent(&world, prefix, json!({ "name": "coder" })).await;
        let (researcher, researcher_id) = agent(&world, prefix, researcher).await;
        Research { world, prefix, coder, coder_id, researcher, researcher_id }
    }

    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// C1
    async fn ask(&self) -> Value {
        self.coder.post(&self.path("/tasks"), question()).await.expect(201)
    }

    /// C3
    async fn answer(&self, id: &str) -> Answer {
        let body = json!({ "status": "done", "context": { "result": result() } });
        self.researcher.patch(&self.path(&format!("/tasks/{id}")), body).await
    }

    async fn read(&self, by: &Client, id: &str) -> Value {
        by.get(&self.path(&format!("/tasks/{id}"))).await.expect(200)
    }
}

async fn agent(world: &World, prefix: &str, body: Value) -> (Client, String) {
    let made = world.project().post(&format!("{prefix}/agents"), body).await.expect(201);
    (world.project().with(Credential::Bearer(text(&made, "api_key"))), text(&made, "id"))
}

fn question() -> Value {
    json!({
        "content": "What are the current rate limits for OpenAI gpt-4o completions API? Need: RPM, \
                    TPM, and burst window behavior for Tier 1. Source required.",
        "labels": ["@researcher"],
        "context": {
            "urgency": "high",
            "blocking": "api-client-retry-logic",
            "check_date": "2026-03-22",
        },
    })
}

fn result() -> Value {
    json!({
        "rpm": 500,
        "tpm": 30000,
        "tier": "Tier 1",
        "burst": "Up to 3x RPM for windows under 10s",
        "source": "platform.openai.com/docs/guides/rate-limits",
        "verified_at": "2026-03-22T19:30:00Z",
    })
}

#[tokio::test]
async fn c1_to_c4_a_question_is_answered_by_whom_its_label_routes_to() {
    for (prefix, researcher, is_claimed) in [
        ("/v1", json!({ "name": "researcher" }), false),
        ("/api", json!({ "name": "perplexity", "label": "Researcher" }), true),
    ] {
        let research = Research::new(prefix, researcher.clone()).await;
        let receiver = Receiver::start().await;
        let hook = json!({ "url": receiver.url(), "events": ["task.completed"] });
        research.world.project().post("/v1/webhooks", hook).await.expect(201);
        let asked = research.ask().await;
        let id = text(&asked, "id");
        let mut expected = question();
        expected["status"] = json!("open");
        expected["context_version"] = json!(1);
        expected["created_by_agent_id"] = json!(research.coder_id);
        assert_has(&asked, expected);

        // C4, before: the state as it is, at once.
        assert_has(&research.read(&research.coder, &id).await, json!({ "status": "open" }));
        let list = research.researcher.get(&research.path("/tasks")).await.expect(200);
        assert_eq!(ids(&list), [id.as_str()]);
        assert_eq!(list[0]["context"], question()["context"]);
        // The label routes: whoever else takes from the queue does not get it.
        let claim = research.path("/tasks/claim");
        let taken = research.coder.post(&claim, json!({})).await.expect(200);
        assert_eq!(taken, json!({ "task": null }));
        if is_claimed {
            let taken = research.researcher.post(&claim, json!({})).await.expect(200);
            assert_has(
                &taken["task"],
                json!({ "id": id, "claimed_by_agent_id": research.researcher_id }),
            );
        }
        let answered = research.answer(&id).await.expect(200);
        assert_answered(&research, &answered, &researcher["name"]);
        // C4, after
        let read = research.read(&research.coder, &id).await;
        assert_answered(&research, &read, &researcher["name"]);
        let sent = receiver.wait_for(LIMIT, |requests| !requests.is_empty()).await;
        assert_answered(&research, &sent[0].json()["task"], &researcher["name"]);
    }
}

#[track_caller]
fn assert_answered(research: &Research, task: &Value, researcher: &Value) {
    assert_has(
        task,
        json!({
            "status": "completed",
            "completed": true,
            "completed_by": researcher,
            "completed_by_agent_id": research.researcher_id,
            "claimed_by_agent_id": null,
            "context_version": 2,
        }),
    );
    let mut context = question()["context"].clone();
    context["result"] = result();
    assert_eq!(task["context"], context);
}

#[tokio::test]
async fn c3_nobody_else_may_answer() {
    let research = Research::new("/v1", json!({ "name": "researcher" })).await;
    let (other, _) = agent(&research.world, "/v1", json!({ "name": "other" })).await;
    let id = text(&research.ask().await, "id");
    let path = format!("/v1/tasks/{id}");
    problem(&other.patch(&path, json!({ "status": "done" })).await, 404);
    // Nor who it routes to, while it is somebody else's.
    let given = json!({ "assigned_to": "other" });
    research.coder.patch(&path, given).await.expect(200);
    let refused = research.answer(&id).await;
    let detail = text(problem(&refused, 403), "detail");
    assert!(detail.contains("/tasks/:id/claim"), "{detail}");
}

#[tokio::test]
async fn c6_a_first_agent_is_set_up_on_this_machine_without_a_key() {
    for prefix in PREFIXES {
        let world = World::new().await;
        let nobody = world.nobody();
        let health = nobody.get(&format!("{prefix}/health")).await.expect(200);
        assert_has(&health, json!({ "ok": true, "status": "ok" }));
        let agents = format!("{prefix}/agents");
        let made = nobody.post(&agents, json!({ "name": "my-agent" })).await.expect(201);
        assert_has(&made, json!({ "name": "my-agent", "role": "admin", "is_admin": true }));
        let admin = nobody.with(Credential::AgentKey(text(&made, "api_key")));
        let content = "Review the Delega quickstart docs and try the API";
        let body = json!({ "content": content, "priority": 2 });
        let task = admin.post(&format!("{prefix}/tasks"), body).await.expect(201);
        assert_has(
            &task,
            json!({
                "content": content, "priority": 2, "created_by_agent_id": made["id"],
            }),
        );
        problem(&nobody.post(&agents, json!({ "name": "another" })).await, 401);
        assert_eq!(ids(&admin.get(&agents).await.expect(200)), [text(&made, "id")]);
    }
}

#[tokio::test]
async fn c7_the_researcher_asks_another_and_the_coder_needs_only_its_own_task() {
    for prefix in PREFIXES {
        let research = Research::new(prefix, json!({ "name": "researcher" })).await;
        let (other, _) = agent(&research.world, prefix, json!({ "name": "other" })).await;
        let id = text(&research.ask().await, "id");
        let path = research.path(&format!("/tasks/{id}/delegate"));
        let body = json!({ "content": "Which tiers are there?", "labels": ["@other"] });
        let child = research.researcher.post(&path, body).await.expect(201);
        assert_has(
            &child,
            json!({
                "parent_task_id": id, "labels": ["@other"], "delegation_depth": 1,
                "accountable_agent_id": research.coder_id,
                "delegated_by_agent_id": research.researcher_id,
            }),
        );
        assert_has(&research.read(&research.coder, &id).await, json!({ "status": "delegated" }));
        let claimed = other.post(&research.path("/tasks/claim"), json!({})).await.expect(200);
        assert_eq!(claimed["task"]["id"], child["id"]);
        let done = research.path(&format!("/tasks/{}/complete", text(&child, "id")));
        other.post(&done, json!({})).await.expect(200);
        assert_has(&research.read(&research.coder, &id).await, json!({ "status": "delegated" }));
        research.answer(&id).await.expect(200);
        let read = research.read(&research.coder, &id).await;
        assert_answered(&research, &read, &json!("researcher"));
    }
}
