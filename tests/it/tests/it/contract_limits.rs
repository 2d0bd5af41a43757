//! The limits of protocol 0.10: what just fits is taken, one more is refused.

use serde_json::{Value, json};

use crate::world::{World, fresh, text, with, wrong_field};

#[tokio::test]
async fn texts_and_lists_of_tasks() {
    let world = World::shared().await;
    let agent = world.agent("limits").await;
    let labels = |count: usize| -> Vec<String> { (0..count).map(|n| format!("l{n}")).collect() };
    for (field, fits, over) in [
        // Characters, not bytes.
        ("content", json!("ä".repeat(2_000)), json!("ä".repeat(2_001))),
        ("content", json!("😀".repeat(2_000)), json!("😀".repeat(2_001))),
        ("description", json!("d".repeat(10_000)), json!("d".repeat(10_001))),
        ("labels", json!(labels(50)), json!(labels(51))),
        ("labels", json!(["l".repeat(100)]), json!(["l".repeat(101)])),
        ("workflow_slug", json!("w".repeat(100)), json!("w".repeat(101))),
        ("recurring_string", json!("r".repeat(2_000)), json!("r".repeat(2_001))),
        ("max_retries", json!(100), json!(101)),
    ] {
        let body = |value: &Value| with(json!({ "content": "c" }), json!({ field: value }));
        let made = agent.client.post("/v1/tasks", body(&fits)).await.expect(201);
        assert_eq!(made[field], fits);
        let path = format!("/v1/tasks/{}", text(&made, "id"));
        let listed = agent.client.get(&path).await.expect(200);
        assert_eq!(listed[field], fits);
        wrong_field(&agent.client.post("/v1/tasks", body(&over)).await, field);
        wrong_field(&agent.client.patch(&path, json!({ field: over })).await, field);
    }
}

#[tokio::test]
async fn objects_are_bounded_by_their_bytes_also_after_merging() {
    let world = World::shared().await;
    let agent = world.agent("limits").await;
    let of = |bytes: usize| json!({ "k": "x".repeat(bytes - r#"{"k":""}"#.len()) });
    for field in ["metadata", "context"] {
        let body = |bytes: usize| with(json!({ "content": "c" }), json!({ field: of(bytes) }));
        let made = agent.client.post("/v1/tasks", body(262_144)).await.expect(201);
        wrong_field(&agent.client.post("/v1/tasks", body(262_145)).await, field);
        let path = format!("/v1/tasks/{}", text(&made, "id"));
        let more = json!({ field: { "more": 1 } });
        wrong_field(&agent.client.patch(&path, more.clone()).await, field);
        wrong_field(&agent.client.post(&format!("{path}/complete"), more).await, field);
        assert_eq!(agent.client.get(&path).await.expect(200)["revision"], 1);
    }
}

#[tokio::test]
async fn texts_of_agents_and_of_finishing() {
    let world = World::shared().await;
    let agent = world.agent("limits").await;
    for (field, max) in [("label", 200), ("display_name", 200), ("description", 2_000)] {
        let body = |length: usize| json!({ "name": fresh("limits"), field: "x".repeat(length) });
        world.project().post("/v1/agents", body(max)).await.expect(201);
        wrong_field(&world.project().post("/v1/agents", body(max + 1)).await, field);
        let own = format!("/v1/agents/{}", agent.id);
        let change = json!({ field: "x".repeat(max + 1) });
        wrong_field(&agent.client.patch(&own, change).await, field);
    }
    for (action, field) in
        [("complete", "result_summary"), ("fail", "error_message"), ("cancel", "reason")]
    {
        let id = agent.task_id("c").await;
        let path = format!("/v1/tasks/{id}/{action}");
        let over = json!({ field: "x".repeat(2_001) });
        wrong_field(&agent.client.post(&path, over).await, field);
        let fits = json!({ field: "x".repeat(2_000) });
        agent.client.post(&path, fits).await.expect(200);
    }
    let id = agent.task_id("c").await;
    let long = json!({ "evidence": [{ "kind": "pr", "ref": "r".repeat(501) }] });
    wrong_field(&agent.client.post(&format!("/v1/tasks/{id}/complete"), long).await, "evidence");
}
