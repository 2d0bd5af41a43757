//! Projects and the project of a task (protocol 1.2, 1.7, 2.2).

use serde_json::{Value, json};

use crate::world::{World, assert_has, assert_timestamp, ids, problem, text, with, wrong_field};

/// An id that nothing has.
const UNKNOWN: &str = "0198f000-0000-7000-8000-0000000000ff";

async fn project(world: &World, fields: Value) -> Value {
    let body = with(json!({ "name": "p" }), fields);
    world.project().post("/v1/projects", body).await.expect(201)
}

/// A project's id.
async fn project_id(world: &World) -> String {
    text(&project(world, json!({})).await, "id")
}

#[tokio::test]
async fn a_project_is_created_read_changed_and_deleted() {
    let world = World::shared().await;
    let admin = world.agent_with("admin", json!({ "role": "admin" })).await.client;
    let fields = json!({ "name": "Launch", "emoji": "\u{1F680}", "color": "#2f6fed" });
    let made = admin.post("/v1/projects", fields.clone()).await.expect(201);
    assert_has(&made, with(fields, json!({ "sort_order": 0 })));
    assert_timestamp(&made["created_at"]);
    assert_eq!(made["updated_at"], made["created_at"]);
    assert_eq!(made.as_object().map(serde_json::Map::len), Some(7), "{made}");
    let path = format!("/v1/projects/{}", text(&made, "id"));
    assert_eq!(admin.get(&path).await.expect(200), made);
    let change = json!({ "name": "Relaunch", "emoji": null, "sort_order": 3 });
    let changed = admin.patch(&path, change.clone()).await.expect(200);
    assert_has(&changed, with(change, json!({ "color": "#2f6fed" })));
    assert_ne!(changed["updated_at"], made["updated_at"]);
    // What it has already is no change, and PUT is PATCH.
    assert_eq!(admin.put(&path, json!({ "name": "Relaunch" })).await.expect(200), changed);
    assert_eq!(admin.put(&path, json!({})).await.expect(200), changed);
    let only_name = project(world, json!({})).await;
    assert_has(&only_name, json!({ "emoji": null, "color": null, "sort_order": 0 }));

    assert_eq!(admin.delete(&path).await.expect(200), json!({ "ok": true }));
    problem(&admin.get(&path).await, 404);
    problem(&admin.delete(&path).await, 404);
    for path in [&path, "/v1/projects/nothing", &format!("/v1/projects/{UNKNOWN}")] {
        let refused = admin.patch(path, json!({ "name": "x" })).await;
        assert_eq!(problem(&refused, 404)["detail"], "Project not found");
    }
    let list = admin.get("/v1/projects").await.expect(200);
    assert!(!ids(&list).contains(&text(&made, "id")));
}

#[tokio::test]
async fn projects_are_listed_by_their_place_then_age() {
    let world = World::new().await;
    let mut made = Vec::new();
    for (name, sort_order) in [("c", 2), ("a", -1), ("b", 2), ("a", 0)] {
        let fields = json!({ "name": name, "sort_order": sort_order });
        made.push(text(&project(&world, fields).await, "id"));
    }
    let list = world.project().get("/v1/projects").await.expect(200);
    let expected: Vec<&String> = [1, 3, 0, 2].map(|at: usize| &made[at]).to_vec();
    assert_eq!(ids(&list).iter().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn projects_are_for_admins_whatever_others_may_read() {
    let world = World::shared().await;
    let path = format!("/v1/projects/{}", project_id(world).await);
    for fields in [
        json!({}),
        json!({ "permissions": ["tasks.read_all", "agents.read", "projects.read"] }),
        json!({ "role": "coordinator" }),
        json!({ "role": "auditor" }),
    ] {
        let client = world.agent_with("other", fields).await.client;
        // Before they learn what there is.
        for path in [&path, &format!("/v1/projects/{UNKNOWN}")] {
            problem(&client.get(path).await, 403);
            problem(&client.patch(path, json!({ "name": "x" })).await, 403);
            problem(&client.put(path, json!({ "name": "x" })).await, 403);
            problem(&client.delete(path).await, 403);
        }
        problem(&client.get("/v1/projects").await, 403);
        problem(&client.post("/v1/projects", json!({ "name": "x" })).await, 403);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_project_is_named() {
    let world = World::shared().await;
    let path = format!("/v1/projects/{}", project_id(world).await);
    let long = |chars: usize| "\u{1F680}".repeat(chars);
    for (field, value) in [
        ("name", json!("")),
        ("name", json!(" ")),
        ("name", json!(long(101))),
        ("name", json!(5)),
        ("emoji", json!(long(101))),
        ("color", json!(long(101))),
        ("sort_order", json!("1")),
        ("sort_order", json!(1_000_000_001)),
    ] {
        let body = with(json!({ "name": "p" }), json!({ field: value }));
        wrong_field(&world.project().post("/v1/projects", body.clone()).await, field);
        wrong_field(&world.project().patch(&path, body).await, field);
    }
    wrong_field(&world.project().post("/v1/projects", json!({})).await, "name");
    for field in ["name", "sort_order"] {
        wrong_field(&world.project().patch(&path, json!({ field: null })).await, field);
    }
    let fits = json!({ "name": long(100), "emoji": long(100), "color": long(100) });
    project(world, fits).await;
}

#[tokio::test]
async fn a_task_shows_its_project_to_whoever_reads_it() {
    let world = World::shared().await;
    let (admin, worker) = (world.project(), world.agent("worker").await);
    let launch = project(world, json!({ "name": "Launch" })).await;
    let body = json!({ "content": "c", "assigned_to": worker.name, "project_id": launch["id"] });
    let made = admin.post("/v1/tasks", body).await.expect(201);
    let shown = json!({ "project_id": launch["id"], "project_name": "Launch", "project": launch });
    assert_has(&made, shown.clone());
    let path = format!("/v1/tasks/{}", text(&made, "id"));
    assert_has(&worker.client.get(&path).await.expect(200), shown.clone());
    let list = worker.client.get("/v1/tasks?assigned_to=me").await.expect(200);
    assert_has(&list[0], shown);
    let short = worker.client.get("/v1/tasks?assigned_to=me&view=summary").await.expect(200);
    assert_eq!((short[0].get("project"), &short[0]["project_name"]), (None, &json!("Launch")));
    // A child is in none unless it is said.
    let child = admin.post(&format!("{path}/delegate"), json!({ "content": "child" })).await;
    assert_eq!(child.expect(201)["project_id"], json!(null));

    let project = format!("/v1/projects/{}", text(&launch, "id"));
    let renamed = admin.patch(&project, json!({ "name": "Relaunch" })).await.expect(200);
    let shown = json!({ "project_name": "Relaunch", "project": renamed });
    assert_has(&worker.client.get(&path).await.expect(200), shown);
    let revision = worker.client.get(&path).await.expect(200)["revision"].clone();

    // Its tasks live on, in no project: nothing happened to them.
    admin.delete(&project).await.expect(200);
    let none = json!({ "project_id": null, "project_name": null, "project": null });
    let after = worker.client.get(&path).await.expect(200);
    assert_has(&after, with(none.clone(), json!({ "revision": revision })));
    // The record as it is read now may be sent back by whoever may write the task.
    let same = json!({ "content": "c", "project_id": null });
    let put = worker.client.put(&path, same).await.expect(200);
    assert_has(&put, with(none, json!({ "revision": revision })));
    let of_deleted = format!("/v1/tasks?project_id={}", text(&launch, "id"));
    assert_eq!(admin.get(&of_deleted).await.expect(200), json!([]));
    problem(&admin.patch(&path, json!({ "project_id": launch["id"] })).await, 404);
}

#[tokio::test]
async fn only_admins_change_the_project_of_a_task() {
    let world = World::shared().await;
    let (admin, worker) = (world.project(), world.agent("owner").await);
    let (one, other) = (project_id(world).await, project_id(world).await);
    let path = format!("/v1/tasks/{}", worker.task_id("c").await);
    let put_into = |project: Value| json!({ "project_id": project });
    problem(&worker.client.patch(&path, put_into(json!(one))).await, 403);
    let body = json!({ "content": "c", "project_id": one });
    problem(&worker.client.post("/v1/tasks", body.clone()).await, 403);
    problem(&worker.client.post(&format!("{path}/delegate"), body).await, 403);
    let revision = |task: &Value| task["revision"].clone();
    let filed = admin.patch(&path, put_into(json!(one))).await.expect(200);
    assert_eq!(filed["project_id"], json!(one));
    // A value that it has already needs no right, whoever says so.
    let same = worker.client.patch(&path, put_into(json!(one))).await.expect(200);
    assert_eq!(revision(&same), revision(&filed));
    for (client, wish, status) in [
        (&worker.client, json!(other), 403),
        (&worker.client, json!(null), 403),
        (&worker.client, json!(UNKNOWN), 403),
        (&admin, json!(UNKNOWN), 404),
        (&admin, json!("nothing"), 404),
        (&admin, json!(7), 404),
        (&admin, json!(["a"]), 422),
    ] {
        problem(&client.patch(&path, put_into(wish)).await, status);
    }
    let unchanged = worker.client.get(&path).await.expect(200);
    assert_has(&unchanged, json!({ "project_id": one, "revision": filed["revision"] }));
    let moved = admin.patch(&path, put_into(json!(other))).await.expect(200);
    assert_eq!(moved["project_id"], json!(other));
    let taken_out = admin.patch(&path, put_into(json!(null))).await.expect(200);
    assert_eq!(taken_out["project_id"], json!(null));
    // Also along with a change of status, and null at creation.
    let done = json!({ "status": "done", "project_id": one });
    let done = admin.patch(&path, done).await.expect(200);
    assert_has(&done, json!({ "status": "completed", "project_id": one }));
    let none = json!({ "content": "c", "project_id": null });
    worker.client.post("/v1/tasks", none).await.expect(201);
    let unknown = json!({ "content": "c", "project_id": UNKNOWN });
    let refused = admin.post("/v1/tasks", unknown).await;
    assert_eq!(problem(&refused, 404)["detail"], "Project not found");
}

#[tokio::test]
async fn tasks_are_filtered_by_project_by_those_who_read_all() {
    let world = World::shared().await;
    let admin = world.project();
    let (one, other) = (project_id(world).await, project_id(world).await);
    let mut made = Vec::new();
    for (project, fields) in [
        (&one, json!({ "priority": 3 })),
        (&one, json!({ "priority": 1, "labels": ["market"] })),
        (&other, json!({ "labels": ["market"] })),
        (&one, json!({ "status": "done" })),
    ] {
        let is_done = fields["status"] == "done";
        let body = with(json!({ "content": "c", "project_id": project }), fields);
        let task = text(&admin.post("/v1/tasks", body).await.expect(201), "id");
        if is_done {
            admin.post(&format!("/v1/tasks/{task}/complete"), json!({})).await.expect(200);
        }
        made.push(task);
    }
    let reader = world.agent_with("reader", json!({ "permissions": ["tasks.read_all"] })).await;
    let coordinator = world.agent_with("coordinator", json!({ "role": "coordinator" })).await;
    let of = |project: &str, more: &str| format!("/v1/tasks?project_id={project}{more}");
    for (query, expected) in [
        (of(&one, ""), vec![1, 0]),
        (of(&one, "&include_completed=true"), vec![1, 3, 0]),
        (of(&one, "&completed=true"), vec![3]),
        (of(&one, "&label=market"), vec![1]),
        (of(&one, "&priority=3"), vec![0]),
        (of(&one, "&sort=updated&limit=1"), vec![1]),
        (of(&other, ""), vec![2]),
        (of(UNKNOWN, ""), vec![]),
        (of("nothing", ""), vec![]),
    ] {
        for client in [&admin, &reader.client, &coordinator.client] {
            let found = ids(&client.get(&query).await.expect(200));
            let found: Vec<usize> =
                found.iter().map(|id| made.iter().position(|it| it == id).expect("made")).collect();
            assert_eq!(found, expected, "{query}");
        }
    }
    let page = admin.get(&of(&one, "&include=pagination&limit=1")).await.expect(200);
    assert_has(&page, json!({ "total": 2, "has_more": true }));
    // Moved, it is in the other's list.
    let path = format!("/v1/tasks/{}", made[1]);
    admin.patch(&path, json!({ "project_id": other })).await.expect(200);
    assert_eq!(ids(&admin.get(&of(&one, "")).await.expect(200)), [made[0].as_str()]);
    assert_eq!(ids(&admin.get(&of(&other, "")).await.expect(200)).len(), 2);
    // Who does not read all is not told whether there is such a project.
    let worker = world.agent("worker").await;
    for project in [&one, UNKNOWN] {
        problem(&worker.client.get(&of(project, "")).await, 403);
    }
}

#[tokio::test]
async fn a_project_made_at_one_node_is_used_at_another() {
    let world = World::new().await;
    let node = world.another_node().await;
    let there = world.project().at(&node);
    for _ in 0..5 {
        let made = project(&world, json!({})).await;
        let body = json!({ "content": "c", "project_id": made["id"] });
        let filed = there.post("/v1/tasks", body).await;
        let position = filed.header("Baton-Position").to_owned();
        let filed = filed.expect(201);
        assert_eq!(filed["project"], made);
        let path = format!("/v1/tasks/{}", text(&filed, "id"));
        let request = world.project().request(reqwest::Method::GET, &path);
        let request = request.header("Baton-Min-Position", position);
        let read = baton_harness::client::send(request).await.expect(200);
        assert_eq!(read["project_id"], made["id"]);
    }
}
