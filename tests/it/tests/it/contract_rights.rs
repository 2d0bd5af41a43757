//! Who may read and who may write a task (protocol 0.11, 0.12).

use baton_harness::client::send;
use reqwest::Method;
use serde_json::json;

use crate::world::{Agent, World, ids, problem, text};

/// What an agent may do to a task.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Right {
    Nothing,
    Read,
    Write,
}

/// Asserts what the agent may do, through reads and every kind of write that a refusal stops.
async fn assert_right(agent: &Agent, task: &str, right: Right, why: &str) {
    let path = format!("/v1/tasks/{task}");
    let read = agent.client.get(&path).await;
    let update = agent.client.patch(&path, json!({ "notes": why })).await;
    // The last one first: whoever reads everything reads what the other tests make, too.
    let listed = agent.client.get("/v1/tasks?include_completed=true&sort=updated&limit=500").await;
    let listed = listed.expect(200);
    let is_listed = ids(&listed).contains(&task.to_owned());
    assert_eq!(is_listed, right != Right::Nothing, "{why}");
    match right {
        Right::Nothing => {
            problem(&read, 404);
            problem(&update, 404);
        }
        Right::Read => {
            assert_eq!(read.status, 200, "{why}: {}", read.text);
            let detail = text(problem(&update, 403), "detail");
            assert!(detail.contains("/tasks/:id/claim"), "{why}: {detail}");
        }
        Right::Write => {
            assert_eq!(read.status, 200, "{why}: {}", read.text);
            assert_eq!(update.status, 200, "{why}: {}", update.text);
        }
    }
}

#[tokio::test]
async fn creator_and_assignee_write_and_strangers_see_nothing() {
    let world = World::shared().await;
    let (creator, worker) = (world.agent("creator").await, world.agent("worker").await);
    let stranger = world.agent("stranger").await;
    let body = json!({ "content": "c", "assigned_to": worker.id });
    let id = text(&creator.client.post("/v1/tasks", body).await.expect(201), "id");
    assert_right(&creator, &id, Right::Write, "creator").await;
    assert_right(&worker, &id, Right::Write, "assignee").await;
    assert_right(&stranger, &id, Right::Nothing, "stranger").await;
}

#[tokio::test]
async fn roles_read_everything_and_only_admins_write_everything() {
    let world = World::shared().await;
    let creator = world.agent("creator").await;
    let id = creator.task_id("c").await;
    for (fields, right) in [
        (json!({ "role": "coordinator" }), Right::Read),
        (json!({ "permissions": ["tasks.read_all"] }), Right::Read),
        (json!({ "role": "admin" }), Right::Write),
        (json!({ "permissions": ["tasks.comment_all"] }), Right::Nothing),
    ] {
        let agent = world.agent_with("role", fields.clone()).await;
        assert_right(&agent, &id, right, &fields.to_string()).await;
    }
    // An auditor reads; its writes are refused whatever they are.
    let auditor = world.agent_with("auditor", json!({ "role": "auditor" })).await;
    auditor.client.get(&format!("/v1/tasks/{id}")).await.expect(200);
    let refused = auditor.client.patch(&format!("/v1/tasks/{id}"), json!({ "priority": 1 })).await;
    problem(&refused, 403);
    problem(&auditor.client.post("/v1/tasks", json!({ "content": "c" })).await, 403);
    auditor.client.get("/v1/agents").await.expect(200);
}

#[tokio::test]
async fn completers_and_those_of_a_hop_go_on_reading() {
    let world = World::shared().await;
    let (creator, first) = (world.agent("creator").await, world.agent("first").await);
    let (second, third) = (world.agent("second").await, world.agent("third").await);
    let id = creator.task_id("c").await;
    let delegate = format!("/v1/tasks/{id}/delegate");
    creator.client.post(&delegate, json!({ "agent_id": first.id })).await.expect(200);
    first.client.post(&delegate, json!({ "agent_id": second.id })).await.expect(200);
    assert_right(&first, &id, Right::Read, "named in a hop").await;
    assert_right(&second, &id, Right::Write, "assignee").await;
    second.client.post(&format!("/v1/tasks/{id}/complete"), json!({})).await.expect(200);
    let body = json!({ "assigned_to": third.id });
    creator.client.patch(&format!("/v1/tasks/{id}"), body).await.expect(200);
    assert_right(&second, &id, Right::Read, "completer").await;
    assert_right(&third, &id, Right::Write, "assignee by update").await;
}

#[tokio::test]
async fn the_holder_writes_and_past_holders_read() {
    let world = World::shared().await;
    let (creator, other) = (world.agent("creator").await, world.agent("other").await);
    let holder = world.agent("holder").await;
    let body = json!({ "content": "c", "labels": [format!("@{}", holder.name)] });
    let id = text(&creator.client.post("/v1/tasks", body).await.expect(201), "id");
    let path = format!("/v1/tasks/{id}");
    holder.client.patch(&path, json!({ "status": "running" })).await.expect(200);
    creator.client.patch(&path, json!({ "labels": [] })).await.expect(200);
    assert_right(&holder, &id, Right::Write, "live holder").await;
    creator.client.patch(&path, json!({ "assigned_to": other.id })).await.expect(200);
    assert_right(&holder, &id, Right::Read, "past holder").await;
}

#[tokio::test]
async fn the_accountable_agent_reads_down_the_chain() {
    let world = World::shared().await;
    let (boss, worker) = (world.agent("boss").await, world.agent("worker").await);
    let root = boss.task_id("root").await;
    let body = json!({ "content": "child", "agent_id": worker.id });
    let child = boss.client.post(&format!("/v1/tasks/{root}/delegate"), body).await.expect(201);
    let path = format!("/v1/tasks/{}/delegate", text(&child, "id"));
    let deeper = worker.client.post(&path, json!({ "content": "deeper" })).await.expect(201);
    assert_right(&boss, &text(&deeper, "id"), Right::Read, "accountable").await;
    assert_right(&worker, &root, Right::Nothing, "a child's creator at the parent").await;
}

#[tokio::test]
async fn labels_with_an_at_sign_route_by_name_or_label_in_normal_form() {
    let world = World::shared().await;
    let creator = world.agent("creator").await;
    let unique = crate::world::fresh("team");
    let label = format!("Data  {unique}_X");
    let routed = world.agent_with("routed", json!({ "label": label })).await;
    let stranger = world.agent("stranger").await;
    for (label, right) in [
        (format!("@{}", routed.name), Right::Write),
        (format!("@{}", routed.name.to_uppercase()), Right::Write),
        (format!("@data-{unique}-x"), Right::Write),
        (format!("@Data {unique} x"), Right::Write),
        (format!("data-{unique}-x"), Right::Nothing),
        (routed.name.clone(), Right::Nothing),
    ] {
        let body = json!({ "content": "c", "labels": [label, "plain"] });
        let id = text(&creator.client.post("/v1/tasks", body).await.expect(201), "id");
        assert_right(&routed, &id, right, &label).await;
        assert_right(&stranger, &id, Right::Nothing, &label).await;
    }
    // Assigned to another, routed agents keep reading only.
    let body = json!({
        "content": "c", "labels": [format!("@{}", routed.name)], "assigned_to": creator.id,
    });
    let id = text(&creator.client.post("/v1/tasks", body).await.expect(201), "id");
    assert_right(&routed, &id, Right::Read, "routed, but assigned").await;
    // And held by another, too.
    let body = json!({ "content": "c", "labels": [format!("@{}", routed.name)] });
    let id = text(&creator.client.post("/v1/tasks", body).await.expect(201), "id");
    let running = json!({ "status": "running" });
    creator.client.patch(&format!("/v1/tasks/{id}"), running).await.expect(200);
    assert_right(&routed, &id, Right::Read, "routed, but held").await;
    // Losing the label is losing sight.
    creator.client.patch(&format!("/v1/tasks/{id}"), json!({ "labels": [] })).await.expect(200);
    assert_right(&routed, &id, Right::Nothing, "routed no more").await;
}

#[tokio::test]
async fn every_write_needs_the_right_to_write() {
    let world = World::shared().await;
    let creator = world.agent("creator").await;
    let reader = world.agent_with("reader", json!({ "role": "coordinator" })).await;
    let stranger = world.agent("stranger").await;
    let id = creator.task_id("c").await;
    let path = format!("/v1/tasks/{id}");
    for action in ["complete", "uncomplete", "fail", "retry", "cancel", "delegate"] {
        let body = json!({ "agent_id": reader.id });
        let refused = reader.client.post(&format!("{path}/{action}"), body.clone()).await;
        let detail = text(problem(&refused, 403), "detail");
        assert!(detail.contains("/tasks/:id/claim"), "{action}: {detail}");
        problem(&stranger.client.post(&format!("{path}/{action}"), body).await, 404);
    }
    let body = json!({ "content": "child" });
    problem(&reader.client.post(&format!("{path}/delegate"), body).await, 403);
    let body = json!({ "content": "child", "parent_task_id": id });
    problem(&reader.client.post("/v1/tasks", body).await, 403);
    problem(&reader.client.delete(&path).await, 403);
    problem(&stranger.client.delete(&path).await, 404);
    let after = creator.client.get(&path).await.expect(200);
    assert_eq!(after["revision"], 1);
}

/// Where several things are wrong, what is said does not depend on the operation: who asks, the
/// request by itself, the role, what there is to read, what may be written, what the body names,
/// how things stand.
#[tokio::test]
async fn of_several_faults_the_first_is_said() {
    let world = World::shared().await;
    let (creator, stranger) = (world.agent("creator").await, world.agent("stranger").await);
    let coordinator = world.agent_with("reader", json!({ "role": "coordinator" })).await;
    let auditor = world.agent_with("auditor", json!({ "role": "auditor" })).await;
    let id = creator.task_id("c").await;
    creator.client.post(&format!("/v1/tasks/{id}/complete"), json!({})).await.expect(200);
    let task = format!("/v1/tasks/{id}");
    let (nowhere, fail) = ("/v1/tasks/nowhere".to_owned(), format!("{task}/fail"));
    let cancel = format!("{task}/cancel");
    let (agents, hooks) = ("/v1/agents".to_owned(), "/v1/webhooks/nowhere".to_owned());
    let (malformed, unknown) = (json!({ "priority": 9 }), json!({ "assigned_to": "nobody" }));
    let hooked = json!({ "events": 7 });
    let both = json!({ "project_id": "p", "assigned_to": "nobody" });
    let nobody = world.nobody();
    for (client, method, path, body, status) in [
        (&nobody, Method::PATCH, &nowhere, &malformed, 401),
        (&auditor.client, Method::PATCH, &task, &malformed, 422),
        (&stranger.client, Method::PATCH, &nowhere, &malformed, 422),
        (&stranger.client, Method::POST, &agents, &json!({}), 422),
        (&stranger.client, Method::PATCH, &hooks, &hooked, 422),
        (&auditor.client, Method::PATCH, &nowhere, &unknown, 403),
        (&stranger.client, Method::PATCH, &hooks, &json!({}), 403),
        (&stranger.client, Method::DELETE, &hooks, &json!({}), 403),
        (&stranger.client, Method::POST, &agents, &json!({ "name": creator.name }), 403),
        (&stranger.client, Method::PATCH, &task, &both, 404),
        (&stranger.client, Method::POST, &cancel, &json!({}), 404),
        (&coordinator.client, Method::PATCH, &task, &unknown, 403),
        (&coordinator.client, Method::POST, &cancel, &json!({}), 403),
        (&creator.client, Method::PATCH, &task, &both, 403),
        (&creator.client, Method::PATCH, &task, &unknown, 404),
        (&creator.client, Method::POST, &fail, &json!({}), 409),
        (&creator.client, Method::POST, &cancel, &json!({}), 409),
    ] {
        let asking = format!("{method} {path} {body}");
        let answer = send(client.request(method, path).json(body)).await;
        assert_eq!(answer.status, status, "{asking}: {}", answer.text);
    }
}

#[tokio::test]
async fn webhooks_are_for_admins() {
    let world = World::shared().await;
    let body = json!({ "url": "https://hooks.example/x" });
    let made = world.project().post("/v1/webhooks", body.clone()).await.expect(201);
    let path = format!("/v1/webhooks/{}", text(&made, "id"));
    for role in ["worker", "coordinator", "auditor"] {
        let agent = world.agent_with(role, json!({ "role": role })).await;
        problem(&agent.client.get("/v1/webhooks").await, 403);
        problem(&agent.client.post("/v1/webhooks", body.clone()).await, 403);
        problem(&agent.client.get(&path).await, 403);
        problem(&agent.client.patch(&path, json!({ "active": false })).await, 403);
        problem(&agent.client.delete(&path).await, 403);
        problem(&agent.client.get(&format!("{path}/deliveries")).await, 403);
    }
    let admin = world.agent_with("admin", json!({ "role": "admin" })).await;
    let own = admin.client.post("/v1/webhooks", body).await.expect(201);
    assert_eq!(own["agent_id"], json!(admin.id));
    admin.client.delete(&path).await.expect(200);
}

/// What other servers of the protocol promise of an agent that has but this one permission.
#[tokio::test]
async fn one_who_only_reads_all_tasks_reads_them_whole_and_does_nothing_else() {
    let world = World::new().await;
    let creator = world.agent("creator").await;
    let reader = world.agent_with("reader", json!({ "permissions": ["tasks.read_all"] })).await;
    let body = json!({ "content": "c", "context": { "key": "value" } });
    let id = text(&creator.client.post("/v1/tasks", body).await.expect(201), "id");
    let path = format!("/v1/tasks/{id}");
    for readable in ["", "/context", "/subtasks", "/comments", "/links", "/chain", "/children"] {
        reader.client.get(&format!("{path}{readable}")).await.expect(200);
    }
    let listed = reader.client.get("/v1/tasks").await.expect(200);
    assert_eq!(ids(&listed), [&*id]);
    assert_eq!(reader.client.get("/v1/tasks?project_id=none").await.expect(200), json!([]));
    assert_eq!(reader.client.get("/v1/stats").await.expect(200)["total"], 1);
    for refused in [
        reader.client.put(&path, json!({ "content": "changed" })).await,
        reader.client.patch(&path, json!({ "completed": true })).await,
        reader.client.post(&format!("{path}/complete"), json!({})).await,
        reader.client.delete(&path).await,
        reader.client.get("/v1/agents").await,
        reader.client.post("/v1/agents", json!({ "name": "made" })).await,
        reader.client.get("/v1/projects").await,
        reader.client.post("/v1/projects", json!({ "name": "made" })).await,
        reader.client.get("/v1/webhooks").await,
        reader.client.post("/v1/webhooks", json!({ "url": "https://hooks.example/x" })).await,
    ] {
        problem(&refused, 403);
    }
    assert_eq!(creator.client.get(&path).await.expect(200)["revision"], 1);
}

#[tokio::test]
async fn nobody_gives_itself_rights_and_no_permissions_are_those_of_a_worker() {
    let world = World::shared().await;
    let id = world.agent("creator").await.task_id("c").await;
    for fields in [
        json!({}),
        json!({ "permissions": null }),
        json!({ "permissions": [] }),
        json!({ "permissions": ["tasks.write_all", "*", "admin"] }),
        json!({ "role": "coordinator" }),
        json!({ "permissions": ["tasks.read_all", "agents.read"] }),
    ] {
        let agent = world.agent_with("ambitious", fields.clone()).await;
        let path = format!("/v1/agents/{}", agent.id);
        for raised in [
            json!({ "permissions": ["tasks.read_all", "tasks.comment_all"] }),
            json!({ "role": "admin" }),
            json!({ "is_admin": true }),
            json!({ "active": false }),
            json!({ "name": "somebody-else" }),
        ] {
            problem(&agent.client.patch(&path, raised.clone()).await, 403);
            problem(&agent.client.put(&path, raised).await, 403);
        }
        let reads_all = fields.to_string().contains("read_all") || fields["role"] == "coordinator";
        let right = if reads_all { Right::Read } else { Right::Nothing };
        assert_right(&agent, &id, right, &fields.to_string()).await;
    }
    // Permissions taken away are gone.
    let agent = world.agent_with("fallen", json!({ "permissions": ["tasks.read_all"] })).await;
    assert_right(&agent, &id, Right::Read, "before").await;
    let none = json!({ "permissions": null });
    world.project().patch(&format!("/v1/agents/{}", agent.id), none).await.expect(200);
    assert_right(&agent, &id, Right::Nothing, "after").await;
}
