//! Agents: protocol 1.1, 2.3, and what 0.2 says about keys.

use baton_harness::client::Credential;
use serde_json::json;
use uuid::Uuid;

use crate::poison::ByHand;
use crate::world::{
    World, assert_has, assert_timestamp, fresh, ids, problem, text, with, wrong_field,
};

#[tokio::test]
async fn a_new_agent_has_every_field_and_its_defaults() {
    let world = World::shared().await;
    let name = fresh("plain");
    let made = world.project().post("/v1/agents", json!({ "name": name })).await.expect(201);
    assert_has(
        &made,
        json!({
            "name": name,
            "label": null,
            "display_name": null,
            "description": null,
            "role": "worker",
            "permissions": [],
            "is_admin": false,
            "active": true,
            "open_task_count": 0,
            "last_seen_at": null,
        }),
    );
    assert_timestamp(&made["created_at"]);
    assert_timestamp(&made["updated_at"]);
    let key = text(&made, "api_key");
    assert_eq!(made["key_prefix"], format!("{}...", &key[..12]));
    let read = world.project().get(&format!("/v1/agents/{name}")).await.expect(200);
    assert_eq!(read.get("api_key"), None);
    assert_eq!(read["id"], made["id"]);
}

#[tokio::test]
async fn the_display_name_defaults_to_the_label() {
    let world = World::shared().await;
    let body = json!({ "name": fresh("labelled"), "label": "Data Team" });
    let made = world.project().post("/v1/agents", body).await.expect(201);
    assert_has(&made, json!({ "label": "Data Team", "display_name": "Data Team" }));
}

#[tokio::test]
async fn roles_bring_their_permissions_and_permissions_their_role() {
    let world = World::shared().await;
    let all = json!(["tasks.read_all", "tasks.comment_all"]);
    for (fields, role, permissions, is_admin) in [
        (json!({}), "worker", json!([]), false),
        (json!({"role": "worker"}), "worker", json!([]), false),
        (json!({"role": "coordinator"}), "coordinator", all, false),
        (json!({"role": "auditor"}), "auditor", json!(null), false),
        (json!({"role": "admin"}), "admin", json!(null), true),
        (json!({"is_admin": true}), "admin", json!(null), true),
        (json!({"permissions": ["x.y"]}), "worker", json!(["x.y"]), false),
    ] {
        let agent = world.agent_with("role", fields.clone()).await;
        let read = world.project().get(&format!("/v1/agents/{}", agent.id)).await.expect(200);
        assert_has(&read, json!({ "role": role, "is_admin": is_admin }));
        if !permissions.is_null() {
            assert_eq!(read["permissions"], permissions, "{fields}");
        }
    }
    let both = json!({ "name": fresh("both"), "role": "worker", "permissions": [] });
    problem(&world.project().post("/v1/agents", both).await, 422);
    let unknown = json!({ "name": fresh("king"), "role": "king" });
    wrong_field(&world.project().post("/v1/agents", unknown).await, "role");
}

#[tokio::test]
async fn setting_a_role_replaces_permissions_and_permissions_end_a_coordinator() {
    let world = World::shared().await;
    let admin = world.project();
    let agent = world.agent_with("changing", json!({ "permissions": ["tasks.read_all"] })).await;
    let path = format!("/v1/agents/{}", agent.id);
    let changed = admin.patch(&path, json!({ "role": "coordinator" })).await.expect(200);
    assert_has(
        &changed,
        json!({"role": "coordinator", "permissions": ["tasks.read_all", "tasks.comment_all"]}),
    );
    let changed = admin.put(&path, json!({ "permissions": ["agents.read"] })).await.expect(200);
    assert_has(&changed, json!({ "role": "worker", "permissions": ["agents.read"] }));
    let changed = admin.patch(&path, json!({ "is_admin": true })).await.expect(200);
    assert_has(&changed, json!({ "role": "admin", "is_admin": true }));
    let changed = admin.patch(&path, json!({ "role": "worker" })).await.expect(200);
    assert_has(&changed, json!({ "role": "worker", "permissions": [], "is_admin": false }));
}

#[tokio::test]
async fn names_are_1_to_100_characters_unique_without_slash_and_no_ids() {
    let world = World::shared().await;
    let admin = world.project();
    let longest = "n".repeat(92) + &fresh("")[1..];
    assert_eq!(longest.chars().count(), 100);
    admin.post("/v1/agents", json!({ "name": longest })).await.expect(201);
    for name in [json!(""), json!("  "), json!("a/b"), json!("n".repeat(101)), json!(5.5)] {
        wrong_field(&admin.post("/v1/agents", json!({ "name": name })).await, "name");
    }
    wrong_field(&admin.post("/v1/agents", json!({})).await, "name");
    let other = world.agent("other").await;
    // Protocol 0.3: a name may not have the form of an id.
    wrong_field(&admin.post("/v1/agents", json!({ "name": other.id })).await, "name");
    problem(&admin.post("/v1/agents", json!({ "name": other.name })).await, 409);
    let path = format!("/v1/agents/{longest}");
    problem(&admin.patch(&path, json!({ "name": other.name })).await, 409);
    // Names are case-sensitive.
    admin.post("/v1/agents", json!({ "name": other.name.to_uppercase() })).await.expect(201);
}

#[tokio::test]
async fn agents_are_found_by_id_and_by_name_also_percent_encoded() {
    let world = World::shared().await;
    let name = fresh("Größe 1 % ?");
    let made = world.project().post("/v1/agents", json!({ "name": name })).await.expect(201);
    let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for reference in [text(&made, "id"), encoded] {
        let read = world.project().get(&format!("/v1/agents/{reference}")).await.expect(200);
        assert_eq!(read["name"], name);
    }
    problem(&world.project().get("/v1/agents/nobody-of-this-name").await, 404);
}

#[tokio::test]
async fn the_list_is_ordered_by_name_and_shows_no_keys() {
    let world = World::shared().await;
    for name in ["zeta", "alpha"] {
        world.agent(name).await;
    }
    let list = world.project().get("/v1/agents").await.expect(200);
    let list = list.as_array().expect("an array");
    let names: Vec<String> = list.iter().map(|agent| text(agent, "name")).collect();
    assert!(names.is_sorted(), "{names:?}");
    for agent in list {
        assert_eq!(agent.get("api_key"), None);
        assert!(text(agent, "key_prefix").starts_with("dlg_"));
    }
}

#[tokio::test]
async fn coordinators_see_the_directory_and_workers_nothing() {
    let world = World::shared().await;
    let other = world.agent("seen").await;
    let directory = [
        "active",
        "display_name",
        "id",
        "label",
        "last_seen_at",
        "name",
        "open_task_count",
        "role",
    ];
    for fields in [json!({ "role": "coordinator" }), json!({ "permissions": ["agents.read"] })] {
        let reader = world.agent_with("reader", fields).await;
        let list = reader.client.get("/v1/agents").await.expect(200);
        let seen = list.as_array().and_then(|all| all.iter().find(|one| one["id"] == other.id));
        let seen = seen.and_then(|one| one.as_object()).expect("the other agent");
        let mut members: Vec<&str> = seen.keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, directory);
    }
    let coordinator = world.agent_with("reader", json!({ "role": "coordinator" })).await;
    let one = coordinator.client.get(&format!("/v1/agents/{}", other.id)).await.expect(200);
    assert_eq!(one.get("permissions"), None, "{one}");
    // OSS: `tasks.read_all` alone does not open the directory.
    for fields in [json!({}), json!({ "permissions": ["tasks.read_all"] })] {
        let worker = world.agent_with("worker", fields).await;
        problem(&worker.client.get("/v1/agents").await, 403);
        problem(&worker.client.get(&format!("/v1/agents/{}", other.id)).await, 403);
        worker.client.get(&format!("/v1/agents/{}", worker.id)).await.expect(200);
    }
}

#[tokio::test]
async fn agents_change_their_own_texts_and_nothing_else() {
    let world = World::shared().await;
    let (agent, other) = (world.agent("self").await, world.agent("other").await);
    let own = format!("/v1/agents/{}", agent.id);
    let texts = json!({ "display_name": "Me", "label": "L", "description": "D" });
    assert_has(&agent.client.patch(&own, texts.clone()).await.expect(200), texts);
    for field in [
        json!({ "name": fresh("new") }),
        json!({ "role": "admin" }),
        json!({ "permissions": ["tasks.read_all"] }),
        json!({ "is_admin": true }),
        json!({ "active": false }),
    ] {
        problem(&agent.client.patch(&own, field.clone()).await, 403);
        let both = with(field, json!({ "label": "changed" }));
        problem(&agent.client.put(&own, both).await, 403);
    }
    let others = format!("/v1/agents/{}", other.id);
    problem(&agent.client.patch(&others, json!({ "label": "x" })).await, 403);
    // A whole record sent back changes nothing, so it is no reason for 403.
    let record = agent.client.get(&own).await.expect(200);
    assert_has(&record, json!({ "label": "L" }));
    agent
        .client
        .put(&own, json!({"name": agent.name, "active": true, "role": "worker"}))
        .await
        .expect(200);
    problem(&agent.client.post("/v1/agents", json!({ "name": fresh("x") })).await, 403);
    problem(&agent.client.delete(&others).await, 403);
    problem(&agent.client.post(&format!("{others}/rotate-key"), json!({})).await, 403);
    problem(&world.project().patch("/v1/agents/unknown", json!({ "label": "x" })).await, 404);
}

#[tokio::test]
async fn a_rotated_key_is_dead_at_once_and_the_new_one_lives() {
    let world = World::shared().await;
    let agent = world.agent("rotating").await;
    let path = format!("/v1/agents/{}/rotate-key", agent.name);
    let rotated = agent.client.post(&path, json!({})).await.expect(200);
    assert_eq!(rotated["id"], json!(agent.id));
    let key = text(&rotated, "api_key");
    assert!(key.starts_with("dlg_") && key != agent.client.secret());
    problem(&agent.client.get("/v1/agent/me").await, 401);
    let renewed = agent.client.with(Credential::AgentKey(key));
    renewed.get("/v1/agent/me").await.expect(200);
    let again = world.project().post(&path, json!({})).await.expect(200);
    problem(&renewed.get("/v1/agent/me").await, 401);
    assert_eq!(again["key_prefix"], format!("{}...", &text(&again, "api_key")[..12]));
}

#[tokio::test]
async fn a_deactivated_agent_is_locked_out_and_gets_no_tasks() {
    let world = World::shared().await;
    let (agent, other) = (world.agent("leaving").await, world.agent("staying").await);
    let path = format!("/v1/agents/{}", agent.id);
    let changed = world.project().patch(&path, json!({ "active": false })).await.expect(200);
    assert_eq!(changed["active"], json!(false));
    problem(&agent.client.get("/v1/agent/me").await, 401);
    let body = json!({ "content": "for nobody", "assigned_to": agent.name });
    problem(&other.client.post("/v1/tasks", body).await, 422);
    let task = other.task_id("handed to nobody").await;
    let body = json!({ "agent_id": agent.id });
    problem(&other.client.post(&format!("/v1/tasks/{task}/delegate"), body).await, 422);
    world.project().patch(&path, json!({ "active": true })).await.expect(200);
    agent.client.get("/v1/agent/me").await.expect(200);
}

#[tokio::test]
async fn an_agent_is_deleted_once_it_has_nothing_left_to_do() {
    let world = World::shared().await;
    let admin = world.project();
    let (agent, boss) = (world.agent("going").await, world.agent("boss").await);
    let path = format!("/v1/agents/{}", agent.id);
    let body = json!({ "content": "to do", "assigned_to": agent.id });
    let task = text(&boss.client.post("/v1/tasks", body).await.expect(201), "id");
    assert_eq!(admin.get(&path).await.expect(200)["open_task_count"], 1);
    problem(&admin.delete(&path).await, 409);
    agent.client.post(&format!("/v1/tasks/{task}/complete"), json!({})).await.expect(200);
    // A claim counts as well.
    let body = json!({ "content": "to hold", "labels": [format!("@{}", agent.name)] });
    let task = text(&boss.client.post("/v1/tasks", body).await.expect(201), "id");
    let task = format!("/v1/tasks/{task}");
    agent.client.patch(&task, json!({ "status": "running" })).await.expect(200);
    problem(&admin.delete(&path).await, 409);
    agent.client.post(&format!("{task}/complete"), json!({})).await.expect(200);

    let gone = admin.delete(&path).await.expect(200);
    assert_eq!(gone, json!({ "ok": true, "deleted": agent.id }));
    problem(&agent.client.get("/v1/agent/me").await, 401);
    problem(&admin.get(&path).await, 404);
    problem(&admin.delete(&path).await, 404);
    // The name may be used again; the old agent's tasks stay its own.
    let reused = admin.post("/v1/agents", json!({ "name": agent.name })).await.expect(201);
    assert_ne!(reused["id"], json!(agent.id));
}

#[tokio::test]
async fn neither_oneself_nor_the_last_active_admin_can_be_deleted() {
    let world = World::new().await;
    let one = world.agent_with("admin", json!({ "role": "admin" })).await;
    let other = world.agent_with("admin", json!({ "role": "admin" })).await;
    problem(&one.client.delete(&format!("/v1/agents/{}", one.id)).await, 409);
    one.client.delete(&format!("/v1/agents/{}", other.id)).await.expect(200);
    problem(&world.project().delete(&format!("/v1/agents/{}", one.id)).await, 409);
    let list = world.project().get("/v1/agents").await.expect(200);
    assert_eq!(ids(&list), [one.id.as_str()]);
}

#[tokio::test]
async fn me_is_the_agent_nested_and_flat_or_the_account() {
    let world = World::shared().await;
    let agent = world.agent("me").await;
    for path in ["/v1/agent/me", "/api/agent/me"] {
        let me = agent.client.get(path).await.expect(200);
        for document in [&me, &me["agent"]] {
            assert_has(document, json!({ "id": agent.id, "name": agent.name, "role": "worker" }));
            assert_eq!(document.get("api_key"), None);
        }
        assert_eq!(me["account"], json!({ "plan": "self-hosted", "email": null }));
        let project = world.project().get(path).await.expect(200);
        assert_eq!(project["agent"], json!(null));
        problem(&world.nobody().get(path).await, 401);
    }
}

#[tokio::test]
async fn a_valid_call_updates_last_seen_at() {
    let world = World::shared().await;
    let agent = world.agent("seen").await;
    let path = format!("/v1/agents/{}", agent.id);
    agent.client.get("/v1/tasks").await.expect(200);
    baton_harness::wait_until(crate::world::LIMIT, "the agent was seen", async || {
        let read = world.project().get(&path).await.expect(200);
        read["last_seen_at"].is_string()
    })
    .await;
    let read = world.project().get(&path).await.expect(200);
    assert_timestamp(&read["last_seen_at"]);
}

#[tokio::test]
async fn a_role_its_permissions_and_is_admin_may_not_contradict_each_other() {
    let world = World::shared().await;
    let admin = world.project();
    let agent = world.agent("consistent").await;
    let path = format!("/v1/agents/{}", agent.id);
    for (fields, field) in [
        (json!({ "role": "worker", "is_admin": true }), "is_admin"),
        (json!({ "role": "admin", "is_admin": false }), "is_admin"),
        (json!({ "is_admin": true, "permissions": ["tasks.read_all"] }), "permissions"),
        (json!({ "role": "admin", "permissions": [] }), "permissions"),
    ] {
        let body = with(json!({ "name": fresh("torn") }), fields.clone());
        wrong_field(&admin.post("/v1/agents", body).await, field);
        wrong_field(&admin.patch(&path, fields).await, field);
    }
    for (fields, role) in [
        (json!({ "role": "admin", "is_admin": true }), "admin"),
        (json!({ "role": "worker", "is_admin": false, "permissions": null }), "worker"),
        (json!({ "is_admin": false, "permissions": ["x.y"] }), "worker"),
    ] {
        let body = with(json!({ "name": fresh("whole") }), fields.clone());
        assert_eq!(admin.post("/v1/agents", body).await.expect(201)["role"], role);
        assert_eq!(admin.patch(&path, fields).await.expect(200)["role"], role);
    }
    // With a role, null is no other set of permissions.
    let body = json!({ "role": "coordinator", "permissions": null });
    let changed = admin.patch(&path, body).await.expect(200);
    assert_eq!(changed["permissions"], json!(["tasks.read_all", "tasks.comment_all"]));
}

#[tokio::test]
async fn an_admin_that_deactivates_itself_is_told_that_it_is_done() {
    let world = World::shared().await;
    let admin = world.agent_with("leaving", json!({ "role": "admin" })).await;
    let path = format!("/v1/agents/{}", admin.id);
    let changed = admin.client.patch(&path, json!({ "active": false })).await.expect(200);
    assert_has(&changed, json!({ "id": admin.id, "active": false }));
    problem(&admin.client.get(&path).await, 401);
}

/// A key is shown once: what could hinder the answer is asked for before.
#[tokio::test]
async fn a_key_is_not_rotated_where_it_could_not_be_shown() {
    let world = World::new().await;
    let agent = world.agent("locked out").await;
    let database = world.database.connect_as_superuser().await;
    let mut wrong = ByHand::task_of(Uuid::new_v4());
    wrong.event = "task.exploded";
    wrong.insert(&database).await;
    // The read model cannot reach this one.
    agent.task_id("after").await;
    let path = format!("/v1/agents/{}", agent.id);
    let rotate = format!("{path}/rotate-key");
    let (rotated, changed) = tokio::join!(
        agent.client.post(&rotate, json!({})),
        agent.client.patch(&path, json!({ "label": "changed" })),
    );
    problem(&rotated, 503);
    problem(&changed, 503);
    agent.task_id("with the same key").await;
    let events = world.project().get("/v1/events?limit=100").await.expect(200).to_string();
    assert!(!events.contains("key_rotated") && !events.contains("agent.updated"), "{events}");
}
