//! The chain and the children of a task (protocol 1.3, 2.4).

use serde_json::{Value, json};

use crate::world::{Agent, World, assert_has, ids, problem, text};

async fn chain(agent: &Agent, id: &str) -> Value {
    agent.client.get(&format!("/v1/tasks/{id}/chain")).await.expect(200)
}

async fn child(agent: &Agent, of: &str, to: &Agent) -> String {
    let body = json!({ "content": "child", "agent_id": to.id });
    let made = agent.client.post(&format!("/v1/tasks/{of}/delegate"), body).await.expect(201);
    text(&made, "id")
}

async fn hand_over(agent: &Agent, id: &str, to: &Agent) {
    let body = json!({ "agent_id": to.id });
    agent.client.post(&format!("/v1/tasks/{id}/delegate"), body).await.expect(200);
}

#[tokio::test]
async fn a_task_without_hops_is_one_entry() {
    let world = World::shared().await;
    let agent = world.agent("root").await;
    let made = agent.task("alone").await;
    let id = text(&made, "id");
    let chain = chain(&agent, &id).await;
    assert_has(
        &chain,
        json!({
            "task_id": id, "root_id": id, "depth": 0, "completed_count": 0, "total_count": 1,
        }),
    );
    assert_eq!(chain["root"]["content"], "alone");
    assert_eq!(chain["chain"].as_array().map(Vec::len), Some(1));
    assert_has(
        &chain["chain"][0],
        json!({
            "from": null, "to": null, "kind": "create", "at": made["created_at"], "id": id,
            "from_agent_id": null, "to_agent_id": null, "content": "alone", "status": "open",
            "delegation_depth": 0, "parent_task_id": null,
        }),
    );
}

#[tokio::test]
async fn the_chain_is_the_whole_tree_whichever_task_is_asked_for() {
    let world = World::shared().await;
    let (boss, a, b) = (world.agent("boss").await, world.agent("a").await, world.agent("b").await);
    let root = boss.task_id("root").await;
    let first = child(&boss, &root, &a).await;
    let second = child(&boss, &root, &b).await;
    let deeper = child(&a, &first, &b).await;
    hand_over(&boss, &root, &a).await;
    b.client.post(&format!("/v1/tasks/{deeper}/complete"), json!({})).await.expect(200);

    for asked in [&root, &first, &second, &deeper] {
        let chain = chain(&boss, asked).await;
        assert_has(
            &chain,
            json!({
                "task_id": asked, "root_id": root, "depth": 2, "completed_count": 1,
                "total_count": 4,
            }),
        );
        let hops = chain["chain"].as_array().expect("hops");
        let hops: Vec<_> = hops
            .iter()
            .map(|hop| (text(hop, "id"), text(hop, "kind"), hop["from"].clone(), hop["to"].clone()))
            .collect();
        let hop = |id: &String, kind: &str, from: &Agent, to: &Agent| {
            (id.clone(), kind.to_owned(), json!(from.name), json!(to.name))
        };
        let expected = [
            hop(&root, "handover", &boss, &a),
            hop(&first, "child", &boss, &a),
            hop(&second, "child", &boss, &b),
            hop(&deeper, "child", &a, &b),
        ];
        assert_eq!(hops, expected);
    }
}

#[tokio::test]
async fn tasks_the_caller_may_not_read_keep_their_place_and_lose_their_content() {
    let world = World::shared().await;
    let (boss, a, b) = (world.agent("boss").await, world.agent("a").await, world.agent("b").await);
    let root = boss.task_id("root").await;
    let first = child(&boss, &root, &a).await;
    let second = child(&boss, &root, &b).await;

    let seen = chain(&b, &second).await;
    assert_eq!(seen["total_count"], 3);
    let entries = seen["chain"].as_array().expect("hops");
    let hidden = entries.iter().find(|entry| entry["id"] == first).expect("the other child");
    assert_has(
        hidden,
        json!({
            "content": "[restricted]", "status": "open", "completed": false,
            "delegation_depth": 1, "parent_task_id": root, "root_task_id": root,
            "from": boss.name, "to": a.name, "kind": "child",
        }),
    );
    for field in ["title", "metadata", "labels", "assigned_to_agent_id", "created_at", "notes"] {
        assert_eq!(hidden[field], json!(null), "{field}");
    }
    assert_eq!(seen["root"]["content"], "[restricted]");
    let own = entries.iter().find(|entry| entry["id"] == second).expect("its own task");
    assert_eq!(own["content"], "child");
}

#[tokio::test]
async fn a_hop_of_the_project_token_comes_from_the_previous_assignee() {
    let world = World::shared().await;
    let (a, b) = (world.agent("a").await, world.agent("b").await);
    let made = world.project().post("/v1/tasks", json!({ "content": "c" })).await.expect(201);
    let path = format!("/v1/tasks/{}/delegate", text(&made, "id"));
    for to in [&a, &b] {
        world.project().post(&path, json!({ "agent_id": to.id })).await.expect(200);
    }
    let chain = chain(&b, &text(&made, "id")).await;
    let hops = chain["chain"].as_array().expect("hops");
    let hops: Vec<_> = hops.iter().map(|hop| (hop["from"].clone(), hop["to"].clone())).collect();
    assert_eq!(hops, [(json!(null), json!(a.name)), (json!(a.name), json!(b.name))]);
}

#[tokio::test]
async fn children_are_the_direct_ones_that_the_caller_may_read_oldest_first() {
    let world = World::shared().await;
    let (boss, a, b) = (world.agent("boss").await, world.agent("a").await, world.agent("b").await);
    let root = boss.task_id("root").await;
    let first = child(&boss, &root, &a).await;
    let second = child(&boss, &root, &b).await;
    child(&a, &first, &b).await;
    let path = format!("/v1/tasks/{root}/children");
    let children = boss.client.get(&path).await.expect(200);
    assert_eq!(ids(&children), [first.as_str(), second.as_str()]);
    problem(&a.client.get(&path).await, 404);
    hand_over(&boss, &root, &a).await;
    let children = a.client.get(&path).await.expect(200);
    assert_eq!(ids(&children), [first]);
}

#[tokio::test]
async fn chains_and_children_of_what_is_not_there_are_404() {
    let world = World::shared().await;
    let (agent, stranger) = (world.agent("agent").await, world.agent("stranger").await);
    let id = agent.task_id("mine").await;
    for id in [id.as_str(), "unknown", &"0".repeat(32), "ABC", "%20"] {
        for path in ["chain", "children"] {
            problem(&stranger.client.get(&format!("/v1/tasks/{id}/{path}")).await, 404);
        }
    }
}
