//! `GET /tasks`: filters, order, windows (protocol 0.6, 0.7, 1.2).

use serde_json::{Value, json};

use crate::world::{Agent, World, fresh, ids, problem, text, with, wrong_field};

/// A new task of the agent's with these fields: its id.
async fn add(agent: &Agent, fields: Value) -> String {
    let body = with(json!({ "content": "listed" }), fields);
    text(&agent.client.post("/v1/tasks", body).await.expect(201), "id")
}

async fn list(agent: &Agent, query: &str) -> Vec<String> {
    ids(&agent.client.get(&format!("/v1/tasks?{query}")).await.expect(200))
}

#[tokio::test]
async fn most_urgent_first_then_oldest() {
    let world = World::shared().await;
    let agent = world.agent("lister").await;
    let mut expected: Vec<(i64, usize, String)> = Vec::new();
    for (index, priority) in [3, 1, 2, 1, 5, 2].into_iter().enumerate() {
        let id = add(&agent, json!({ "priority": priority })).await;
        expected.push((priority, index, id));
    }
    expected.sort();
    let expected: Vec<String> = expected.into_iter().map(|(_, _, id)| id).collect();
    assert_eq!(list(&agent, "").await, expected);
    // A change moves it.
    let path = format!("/v1/tasks/{}", expected[5]);
    agent.client.patch(&path, json!({ "priority": 1 })).await.expect(200);
    let moved = list(&agent, "").await;
    assert_eq!(moved[2], expected[5]);
}

#[tokio::test]
async fn assigned_to_takes_a_name_an_id_me_and_none() {
    let world = World::shared().await;
    let (agent, other) = (world.agent("lister").await, world.agent("other").await);
    let mine = add(&agent, json!({ "assigned_to": agent.name })).await;
    let theirs = add(&agent, json!({ "assigned_to": other.name })).await;
    let nobodys = add(&agent, json!({})).await;
    for (reference, expected) in [
        (agent.name.as_str(), &mine),
        (agent.id.as_str(), &mine),
        ("me", &mine),
        (other.name.as_str(), &theirs),
        (other.id.as_str(), &theirs),
        ("none", &nobodys),
    ] {
        for name in ["assigned_to", "assigned_to_agent_id"] {
            assert_eq!(list(&agent, &format!("{name}={reference}")).await, [expected.as_str()]);
        }
    }
    // Unknown references match nothing: protocol 0.3.
    assert_eq!(list(&agent, "assigned_to=nobody-of-this-name").await, [""; 0]);
    assert_eq!(list(&other, "assigned_to=me").await, [theirs]);
}

#[tokio::test]
async fn status_takes_words_and_aliases_repeated_and_by_comma() {
    let world = World::shared().await;
    let agent = world.agent("lister").await;
    let mut task = std::collections::BTreeMap::new();
    for status in ["open", "blocked", "claimed", "completed", "failed", "cancelled"] {
        let id = add(&agent, json!({})).await;
        if status != "open" {
            let path = format!("/v1/tasks/{id}");
            agent.client.patch(&path, json!({ "status": status })).await.expect(200);
        }
        task.insert(status, id);
    }
    let id = add(&agent, json!({})).await;
    let child = json!({ "content": "child", "priority": 5 });
    let path = format!("/v1/tasks/{id}/delegate");
    let child = text(&agent.client.post(&path, child).await.expect(201), "id");
    task.insert("delegated", id);
    for (query, expected) in [
        ("status=blocked", vec!["blocked"]),
        ("status=claimed", vec!["claimed"]),
        ("status=running", vec!["claimed"]),
        ("status=in_progress", vec!["claimed"]),
        ("status=delegated", vec!["delegated"]),
        ("status=completed", vec!["completed"]),
        ("status=done", vec!["completed"]),
        ("status=failed", vec!["failed"]),
        ("status=cancelled", vec!["cancelled"]),
        ("status=canceled", vec!["cancelled"]),
        ("status=failed,done", vec!["completed", "failed"]),
        ("status=failed&status=canceled", vec!["failed", "cancelled"]),
        ("completed=true", vec!["completed"]),
        ("completed=True", vec!["completed"]),
        ("completed=yes", vec!["completed"]),
        ("completed=1", vec!["completed"]),
    ] {
        let expected: Vec<&String> = expected.iter().map(|status| &task[status]).collect();
        assert_eq!(list(&agent, query).await.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    for query in ["status=open", "status=pending"] {
        assert_eq!(list(&agent, query).await, [task["open"].clone(), child.clone()], "{query}");
    }
    // Without a word about status, completed and cancelled ones are left out, failed ones kept.
    let usual = ["open", "blocked", "claimed", "failed", "delegated"].map(|status| &task[status]);
    let usual: Vec<&String> = usual.into_iter().chain([&child]).collect();
    for query in ["", "completed=false", "completed=0", "completed=no"] {
        assert_eq!(list(&agent, query).await.iter().collect::<Vec<_>>(), usual, "{query}");
    }
    assert_eq!(list(&agent, "include_completed=true").await.len(), 8);
    wrong_field(&agent.client.get("/v1/tasks?status=finished").await, "status");
    wrong_field(&agent.client.get("/v1/tasks?completed=maybe").await, "completed");
}

#[tokio::test]
async fn labels_one_all_or_any() {
    let world = World::shared().await;
    let agent = world.agent("lister").await;
    let a = add(&agent, json!({ "labels": ["a"] })).await;
    let b = add(&agent, json!({ "labels": ["b", "x y"] })).await;
    let both = add(&agent, json!({ "labels": ["a", "b"] })).await;
    for (query, expected) in [
        ("label=a", vec![&a, &both]),
        ("label=x%20y", vec![&b]),
        ("label=A", vec![]),
        ("labels=a&labels=b", vec![&both]),
        ("labels=a,b", vec![&both]),
        ("tags=a,b", vec![&a, &b, &both]),
        ("tags=a&tags=none", vec![&a, &both]),
    ] {
        assert_eq!(list(&agent, query).await.iter().collect::<Vec<_>>(), expected, "{query}");
    }
}

#[tokio::test]
async fn more_filters_and_all_together() {
    let world = World::shared().await;
    let (agent, other) = (world.agent("lister").await, world.agent("other").await);
    let one = add(&agent, json!({ "content": "Find 100% of X_Y", "priority": 1 })).await;
    let two = add(&agent, json!({ "description": "in the DEPTH", "assigned_to": other.id })).await;
    let path = format!("/v1/tasks/{two}/delegate");
    let child = agent.client.post(&path, json!({ "content": "child" })).await.expect(201);
    let child = text(&child, "id");
    let theirs = add(&other, json!({ "content": "theirs", "assigned_to": agent.id })).await;
    for (query, expected) in [
        ("priority=1".to_owned(), vec![&one]),
        ("search=100%25".to_owned(), vec![&one]),
        ("search=x_y".to_owned(), vec![&one]),
        ("search=xzy".to_owned(), vec![]),
        ("search=depth".to_owned(), vec![&two]),
        (format!("parent_task_id={two}"), vec![&child]),
        (format!("created_by={}", other.name), vec![&theirs]),
        (format!("created_by={}&assigned_to=me", other.id), vec![&theirs]),
        (format!("created_by={}&priority=1", other.id), vec![]),
        ("unknown=parameter".to_owned(), vec![&one, &two, &child, &theirs]),
        ("epic_id=unknown".to_owned(), vec![]),
    ] {
        assert_eq!(list(&agent, &query).await.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    problem(&agent.client.get("/v1/tasks?project_id=p").await, 403);
    let nothing = world.project().get("/v1/tasks?project_id=p").await.expect(200);
    assert_eq!(nothing, json!([]));
    wrong_field(&agent.client.get("/v1/tasks?priority=6").await, "priority");
}

#[tokio::test]
async fn limit_and_offset_cut_and_say_so() {
    let world = World::shared().await;
    let agent = world.agent("lister").await;
    let mut all = Vec::new();
    for _ in 0..7 {
        all.push(add(&agent, json!({})).await);
    }
    for (query, range, more) in [
        ("limit=3", 0..3, "true"),
        ("limit=3&offset=3", 3..6, "true"),
        ("limit=3&offset=4", 4..7, ""),
        ("limit=7", 0..7, ""),
        ("limit=1000", 0..7, ""),
        ("offset=6", 6..7, ""),
        ("offset=7", 7..7, ""),
        ("offset=5000", 7..7, ""),
    ] {
        let answer = agent.client.get(&format!("/v1/tasks?{query}")).await;
        assert_eq!(answer.header("X-Has-More"), more, "{query}");
        assert_eq!(ids(&answer.expect(200)), all[range], "{query}");
    }
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("limit=-1", "limit"),
        ("offset=-1", "offset"),
        ("offset=x", "offset"),
    ] {
        wrong_field(&agent.client.get(&format!("/v1/tasks?{query}")).await, field);
    }
}

#[tokio::test]
async fn only_what_the_caller_may_read_is_listed() {
    let world = World::shared().await;
    let label = fresh("label");
    let (agent, other) = (world.agent("lister").await, world.agent("stranger").await);
    let task = add(&agent, json!({ "labels": [label] })).await;
    let query = format!("label={label}");
    assert_eq!(list(&agent, &query).await, [task.as_str()]);
    assert_eq!(list(&other, &query).await, [""; 0]);
    assert_eq!(list(&other, "").await, [""; 0]);
    for role in ["coordinator", "auditor", "admin"] {
        let reader = world.agent_with("reader", json!({ "role": role })).await;
        assert_eq!(list(&reader, &query).await, [task.as_str()], "{role}");
    }
    let all = world.project().get(&format!("/v1/tasks?{query}")).await.expect(200);
    assert_eq!(ids(&all), [task]);
}
