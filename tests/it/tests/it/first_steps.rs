//! The first calls that users of Delega learn, one by one as they were taught them: creating,
//! listing and completing by hand, and the loop of an agent that finds work and another that does
//! it.

use baton_harness::client::{Credential, send};
use baton_harness::receiver::Receiver;
use baton_harness::signature::{verify_body, verify_standard};
use reqwest::Method;
use serde_json::{Value, json};

use crate::record;
use crate::world::{Agent, LIMIT, World, assert_has, ids, problem, text};

const PREFIXES: [&str; 2] = ["/v1", "/api"];

/// An agent of just this name.
async fn named(world: &World, name: &str) -> Agent {
    let made = world.project().post("/v1/agents", json!({ "name": name })).await.expect(201);
    let key = Credential::AgentKey(text(&made, "api_key"));
    Agent { client: world.project().with(key), id: text(&made, "id"), name: name.to_owned() }
}

#[tokio::test]
async fn b1_a_task_is_created_for_an_agent_by_its_name() {
    for prefix in PREFIXES {
        let world = World::new().await;
        let agent = named(&world, "agent-monitoring").await;
        let body = json!({
            "content": "Fix the broken CSS on /pricing",
            "priority": 1,
            "assigned_to_agent_id": "agent-frontend",
        });
        let path = format!("{prefix}/tasks");
        problem(&agent.client.post(&path, body.clone()).await, 404);
        let frontend = named(&world, "agent-frontend").await;
        let made = agent.client.post(&path, body).await.expect(201);
        assert_has(
            &made,
            json!({
                "content": "Fix the broken CSS on /pricing",
                "priority": 1,
                "assigned_to_agent_id": frontend.id,
                "created_by_agent_id": agent.id,
                "status": "open",
            }),
        );
        let list = frontend.client.get(&path).await.expect(200);
        assert_eq!(ids(&list), [text(&made, "id")]);
    }
}

#[tokio::test]
async fn b2_a_task_is_completed_with_neither_body_nor_content_type() {
    let world = World::shared().await;
    for prefix in PREFIXES {
        let agent = world.agent("completing").await;
        let id = agent.task_id("Fix the broken CSS on /pricing").await;
        let request = agent.client.request(Method::POST, &format!("{prefix}/tasks/{id}/complete"));
        let done = send(request).await.expect(200);
        assert_has(
            &done,
            json!({
                "id": id, "status": "completed", "completed": true, "completed_by": agent.name,
            }),
        );
    }
}

#[tokio::test]
async fn b3_a_login_asks_who_the_key_is_of() {
    let world = World::shared().await;
    for prefix in PREFIXES {
        let agent = world.agent("login").await;
        let path = format!("{prefix}/agent/me");
        let me = agent.client.get(&path).await.expect(200);
        assert_eq!(me["agent"]["name"], json!(agent.name));
        let wrong = Credential::AgentKey(format!("dlg_{}", "A".repeat(43)));
        problem(&agent.client.with(wrong).get(&path).await, 401);
    }
}

#[tokio::test]
async fn b4_to_b6_tasks_are_created_listed_and_completed() {
    let world = World::shared().await;
    for prefix in PREFIXES {
        let (agent, other) = (world.agent("own").await, world.agent("other").await);
        other.task("Not mine").await;
        let path = format!("{prefix}/tasks");
        let body = json!({ "content": "Deploy staging build", "priority": 2 });
        let made = agent.client.post(&path, body).await.expect(201);
        let id = text(&made, "id");
        assert_has(
            &made,
            json!({ "content": "Deploy staging build", "priority": 2, "status": "open" }),
        );
        let finished = agent.task_id("Deployed before").await;
        let complete = |id: &str| format!("{prefix}/tasks/{id}/complete");
        agent.client.post(&complete(&finished), json!({})).await.expect(200);

        let list = agent.client.get(&path).await.expect(200);
        assert!(list.is_array(), "{list}");
        assert_eq!(ids(&list), [id.as_str()]);
        let done = agent.client.post(&complete(&id), json!({})).await.expect(200);
        assert_has(&done, json!({ "id": id, "status": "completed" }));
        assert_eq!(agent.client.get(&path).await.expect(200), json!([]));
        let unknown = agent.client.post(&complete("abc123"), json!({})).await;
        assert_eq!(problem(&unknown, 404)["error"], "Task not found");
    }
}

#[tokio::test]
async fn b8_one_agent_finds_work_another_does_it_and_a_signed_webhook_tells() {
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    for prefix in PREFIXES {
        let world = World::new().await;
        let (monitoring, infrastructure) =
            (named(&world, "monitoring").await, named(&world, "infrastructure").await);
        let receiver = Receiver::start().await;
        let events = ["task.claimed", "task.completed"];
        let hook = json!({ "url": receiver.url(), "events": events, "secret": SECRET });
        world.project().post(&format!("{prefix}/webhooks"), hook).await.expect(201);

        let body = json!({ "content": "Renew TLS cert for api.example.com", "priority": 1 });
        let made = monitoring.client.post(&format!("{prefix}/tasks"), body).await.expect(201);
        let id = text(&made, "id");
        let claim = format!("{prefix}/tasks/claim");
        let claimed = infrastructure.client.post(&claim, json!({})).await.expect(200);
        assert_has(
            &claimed["task"],
            json!({
                "id": id, "status": "claimed", "claimed_by_agent_id": infrastructure.id,
                "assigned_to_agent_id": null,
            }),
        );
        let nothing = infrastructure.client.post(&claim, json!({})).await.expect(200);
        assert_eq!(nothing, json!({ "task": null }));
        let complete = format!("{prefix}/tasks/{id}/complete");
        infrastructure.client.post(&complete, json!({})).await.expect(200);

        let sent = receiver.wait_for(LIMIT, |requests| requests.len() >= 2).await;
        let told: Vec<&str> = sent.iter().map(|request| request.event()).collect();
        assert_eq!(told, events);
        for request in &sent {
            verify_body(request, SECRET).expect("a good signature");
            verify_standard(request, SECRET).expect("a good signature");
            let body: Value = request.json();
            assert_eq!(body["task"]["id"], json!(id));
            assert_eq!(body["agent"]["id"], json!(infrastructure.id));
        }
        let read = monitoring.client.get(&format!("{prefix}/tasks/{id}")).await.expect(200);
        assert_has(&read, json!({ "status": "completed", "completed_by": "infrastructure" }));
        record::caught_up(&world).await;
        assert_eq!(receiver.requests().len(), 2);
    }
}

#[tokio::test]
async fn b9_what_was_forgotten_is_not_created_again() {
    for prefix in PREFIXES {
        let world = World::new().await;
        let agent = named(&world, "forgetful").await;
        let path = format!("{prefix}/tasks");
        let create = |header: &'static str| {
            let request = agent.client.request(Method::POST, &path);
            let body = json!({ "content": "check disk usage" });
            send(request.header("X-Dedup-Check", header).json(&body))
        };
        let first = create("true").await.expect(201);
        for header in ["true", "1", "yes", "True"] {
            let again = create(header).await;
            let body = problem(&again, 409);
            assert!(body["hint"].is_string(), "{body}");
            assert_eq!(
                body["matches"],
                json!([{ "task_id": first["id"], "content": "check disk usage", "score": 1.0 }])
            );
        }
        assert_eq!(ids(&agent.client.get(&path).await.expect(200)), [text(&first, "id")]);
        // Only who asks for it is refused.
        for header in ["false", "0", "no"] {
            create(header).await.expect(201);
        }
    }
}
