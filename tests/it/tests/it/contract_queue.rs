//! The queue: whoever asks gets the next task that waits for it, and nobody else gets that one
//! (protocol 0.6, 0.12, 1.4, promise P9).

use std::collections::BTreeSet;

use baton_harness::client::{Client, Credential};
use baton_harness::wait_until;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::poison::ByHand;
use crate::record;
use crate::world::{LIMIT, World, assert_has, fresh, ids, problem, text, with, wrong_field};

/// An account of the test's own on the shared server: others claim from theirs.
struct Account {
    admin: Client,
}

/// An agent of it.
struct Claimer {
    client: Client,
    id: String,
    name: String,
}

impl Account {
    async fn new() -> Account {
        let world = World::shared().await;
        Account { admin: world.another_account(&fresh("queue")).await }
    }

    async fn agent(&self, fields: Value) -> Claimer {
        let body = with(json!({ "name": fresh("claimer") }), fields);
        let made = self.admin.post("/v1/agents", body).await.expect(201);
        let key = Credential::AgentKey(text(&made, "api_key"));
        let client = self.admin.with(key);
        Claimer { client, id: text(&made, "id"), name: text(&made, "name") }
    }

    async fn worker(&self) -> Claimer {
        self.agent(json!({})).await
    }

    /// A new task: its id.
    async fn task(&self, fields: Value) -> String {
        let body = with(json!({ "content": "waits" }), fields);
        text(&self.admin.post("/v1/tasks", body).await.expect(201), "id")
    }
}

impl Claimer {
    async fn claim(&self, body: Value) -> Value {
        let answer = self.client.post("/v1/tasks/claim", body).await.expect(200);
        assert_eq!(answer.as_object().expect("an object").len(), 1, "{answer}");
        answer["task"].clone()
    }

    /// The id of the next task; empty where there is none.
    async fn next(&self, body: Value) -> String {
        let task = self.claim(body).await;
        task["id"].as_str().unwrap_or_default().to_owned()
    }

    async fn act(&self, task: &str, action: &str) -> Value {
        self.client.post(&format!("/v1/tasks/{task}/{action}"), json!({})).await.expect(200)
    }
}

/// Ends the task's lease, as if its time were over.
async fn let_lapse(account: &str, task: &str) {
    let world = World::shared().await;
    let database = world.database.connect().await;
    let version = record::stream(&database, task).await.len() as i64 + 1;
    let id: Uuid = task.parse().expect("a task's id");
    let event = ByHand { account: account.to_owned(), ..ByHand::lease_over(id, version) };
    event.insert(&database).await;
}

#[tokio::test]
async fn the_most_urgent_task_is_next_and_then_the_oldest() {
    let account = Account::new().await;
    let worker = account.worker().await;
    assert_eq!(worker.claim(json!({})).await, Value::Null);
    let mut made = Vec::new();
    for priority in [3, 1, 2, 1, 5] {
        made.push(account.task(json!({ "priority": priority })).await);
    }
    let [three, one, two, other_one, five] = &made[..] else { panic!("five") };
    let task = worker.claim(json!({ "lease_seconds": 60 })).await;
    assert_has(
        &task,
        json!({
            "id": one, "status": "claimed", "claimed_by_agent_id": worker.id,
            "claim_generation": 1, "assigned_to_agent_id": null, "session_state": null,
            "started_at": task["claimed_at"],
        }),
    );
    assert_eq!(worker.next(json!({})).await, *other_one);
    // What becomes more urgent, or comes back, is next at once.
    let path = format!("/v1/tasks/{five}");
    account.admin.patch(&path, json!({ "priority": 1 })).await.expect(200);
    worker.act(one, "release").await;
    for expected in [one, five, two, three] {
        assert_eq!(worker.next(json!({})).await, *expected);
    }
    assert_eq!(worker.claim(json!({})).await, Value::Null);
    worker.act(two, "complete").await;
    account.admin.post(&format!("/v1/tasks/{two}/uncomplete"), json!({})).await.expect(200);
    assert_eq!(worker.next(json!({})).await, *two);
}

#[tokio::test]
async fn a_task_goes_to_those_it_waits_for() {
    let account = Account::new().await;
    let (one, other) = (account.worker().await, account.worker().await);
    let team = account.agent(json!({ "label": "Data Team" })).await;
    let admin = account.agent(json!({ "role": "admin" })).await;
    let assigned = account.task(json!({ "assigned_to": one.name })).await;
    let by_name = account.task(json!({ "labels": [format!("@{}", other.name)] })).await;
    let by_label = account.task(json!({ "labels": ["x", "@data_team"] })).await;
    let both = account.task(json!({ "labels": ["@data_team"], "assigned_to": one.name })).await;
    let nobodys = account.task(json!({ "labels": ["@nobody has this name"] })).await;
    // Nothing is for an admin because it is one.
    assert_eq!(admin.next(json!({})).await, "");
    assert_eq!(team.next(json!({})).await, by_label);
    assert_eq!(team.next(json!({})).await, "");
    assert_eq!(other.next(json!({})).await, by_name);
    assert_eq!(other.next(json!({})).await, "");
    assert_eq!(one.next(json!({})).await, assigned);
    assert_eq!(one.next(json!({})).await, both);
    assert_eq!(one.next(json!({})).await, "");
    // When it waits for others, others get it.
    let path = format!("/v1/tasks/{nobodys}");
    account.admin.patch(&path, json!({ "labels": ["plain"] })).await.expect(200);
    let anybodys = account.task(json!({ "labels": [team.name] })).await;
    assert_eq!(other.next(json!({})).await, nobodys);
    assert_eq!(one.next(json!({})).await, anybodys, "a plain label routes nowhere");
    one.act(&assigned, "release").await;
    account.admin.patch(&format!("/v1/tasks/{assigned}"), json!({ "assigned_to": null })).await;
    assert_eq!(other.next(json!({})).await, assigned);
}

#[tokio::test]
async fn all_labels_asked_for_must_be_there() {
    let account = Account::new().await;
    let worker = account.worker().await;
    let plain = account.task(json!({ "priority": 1 })).await;
    let a = account.task(json!({ "labels": ["a"] })).await;
    let ab = account.task(json!({ "labels": ["b", "a"] })).await;
    let own = json!({ "labels": ["a", "b"], "assigned_to": worker.name, "priority": 5 });
    let own = account.task(own).await;
    let routed = json!({ "labels": ["b", format!("@{}", worker.name)], "priority": 5 });
    let routed = account.task(routed).await;
    let labels = |labels: &[&str]| json!({ "labels": labels });
    assert_eq!(worker.next(labels(&["c"])).await, "");
    assert_eq!(worker.next(labels(&["a", "b", "c"])).await, "");
    assert_eq!(worker.next(labels(&["a", "b"])).await, ab);
    assert_eq!(worker.next(labels(&["a", "b", "a"])).await, own);
    assert_eq!(worker.next(labels(&["a", "b"])).await, "");
    assert_eq!(worker.next(labels(&["b"])).await, routed);
    assert_eq!(worker.next(labels(&["a"])).await, a);
    let later = account.task(json!({ "labels": ["a", "b"] })).await;
    assert_eq!(worker.next(labels(&["a", "b"])).await, later);
    assert_eq!(worker.next(json!({ "labels": null })).await, plain);
    assert_eq!(worker.next(json!({})).await, "");
}

#[tokio::test]
async fn those_who_see_projects_may_ask_for_one() {
    let account = Account::new().await;
    let coordinator = account.agent(json!({ "role": "coordinator" })).await;
    let made = account.admin.post("/v1/projects", json!({ "name": "p" })).await.expect(201);
    let project = text(&made, "id");
    let plain = account.task(json!({ "priority": 1 })).await;
    let inside = account.task(json!({ "project_id": project, "labels": ["a"] })).await;
    let own = json!({ "project_id": project, "assigned_to": coordinator.name });
    let own = account.task(own).await;
    for unknown in ["p".to_owned(), Uuid::new_v4().to_string()] {
        assert_eq!(coordinator.next(json!({ "project_id": unknown })).await, "");
    }
    let of_project = |labels: &[&str]| json!({ "project_id": project, "labels": labels });
    assert_eq!(coordinator.next(of_project(&["b"])).await, "");
    assert_eq!(coordinator.next(of_project(&["a"])).await, inside);
    assert_eq!(coordinator.next(of_project(&[])).await, own);
    assert_eq!(coordinator.next(of_project(&[])).await, "");
    let worker = account.worker().await;
    let refused = worker.client.post("/v1/tasks/claim", of_project(&[])).await;
    problem(&refused, 403);
    assert_eq!(worker.next(json!({})).await, plain);
    // A task that comes into the project meanwhile is found.
    let moved = account.task(json!({})).await;
    let path = format!("/v1/tasks/{moved}");
    account.admin.patch(&path, json!({ "project_id": project })).await.expect(200);
    assert_eq!(coordinator.next(of_project(&[])).await, moved);
    let last = account.task(json!({ "project_id": project })).await;
    let listed = account.admin.get(&format!("/v1/tasks?project_id={project}&claimed=false")).await;
    assert_eq!(ids(&listed.expect(200)), std::slice::from_ref(&last));
    account.admin.delete(&format!("/v1/projects/{project}")).await.expect(200);
    assert_eq!(coordinator.next(of_project(&[])).await, "");
    assert_eq!(worker.next(json!({})).await, last);
}

#[tokio::test]
async fn only_what_is_open_waits() {
    let account = Account::new().await;
    let (worker, other) = (account.worker().await, account.worker().await);
    let first = account.task(json!({ "priority": 1 })).await;
    let then = account.task(json!({ "depends_on": [first] })).await;
    let parent = account.task(json!({})).await;
    let body = json!({ "content": "child", "assigned_to": other.name });
    account.admin.post(&format!("/v1/tasks/{parent}/delegate"), body).await.expect(201);
    for (action, status) in [("complete", 200), ("fail", 200), ("cancel", 200)] {
        let path = format!("/v1/tasks/{}/{action}", account.task(json!({})).await);
        account.admin.post(&path, json!({})).await.expect(status);
    }
    let deleted = account.task(json!({})).await;
    account.admin.delete(&format!("/v1/tasks/{deleted}")).await.expect(200);
    let running = account.task(json!({})).await;
    let path = format!("/v1/tasks/{running}");
    account.admin.patch(&path, json!({ "status": "running" })).await.expect(200);
    assert_eq!(worker.next(json!({})).await, first);
    // Its own live claim is not offered again, and not made longer.
    let held = worker.client.get(&format!("/v1/tasks/{first}")).await.expect(200);
    assert_eq!(worker.next(json!({})).await, "");
    assert_eq!(worker.client.get(&format!("/v1/tasks/{first}")).await.expect(200), held);
    worker.act(&first, "complete").await;
    wait_until(LIMIT, "what waited for it is open", async || worker.next(json!({})).await == then)
        .await;
}

#[tokio::test]
async fn what_its_holder_has_lost_waits_again() {
    let world = World::shared().await;
    let name = fresh("queue");
    let account = Account { admin: world.another_account(&name).await };
    let (holder, next) = (account.worker().await, account.worker().await);
    let labelled = json!({ "labels": ["a"] });
    let open = account.task(json!({ "priority": 4 })).await;
    let own = account.task(json!({ "labels": ["a"], "assigned_to": holder.name })).await;
    let lost = account.task(json!({ "labels": ["a", "b"], "priority": 3 })).await;
    for expected in [&own, &lost] {
        assert_eq!(holder.next(labelled.clone()).await, *expected);
    }
    assert_eq!(next.next(labelled.clone()).await, "");
    let_lapse(&name, &own).await;
    let_lapse(&name, &lost).await;
    // Nobody writes when a lease ends: it is seen soon, not at once.
    let mut task = Value::Null;
    wait_until(LIMIT, "the end of a lease", async || {
        task = next.claim(json!({ "labels": ["b"] })).await;
        !task.is_null()
    })
    .await;
    assert_has(&task, json!({ "id": lost, "claim_generation": 2, "claimed_by_agent_id": next.id }));
    let path = format!("/v1/tasks/{lost}/complete");
    problem(&holder.client.post(&path, json!({ "claim_generation": 1 })).await, 409);
    next.act(&lost, "complete").await;
    // Whom it was assigned to may take it again; it comes before what is less urgent.
    let task = holder.claim(json!({})).await;
    assert_has(&task, json!({ "id": own, "claim_generation": 2 }));
    assert_eq!(holder.next(json!({})).await, open);
}

#[tokio::test]
async fn a_claim_says_what_it_wants() {
    let account = Account::new().await;
    let worker = account.worker().await;
    let refused = account.admin.post("/v1/tasks/claim", json!({})).await;
    problem(&refused, 403);
    let auditor = account.agent(json!({ "role": "auditor" })).await;
    problem(&auditor.client.post("/v1/tasks/claim", json!({})).await, 403);
    let nobody = worker.client.with(Credential::None);
    problem(&nobody.post("/v1/tasks/claim", json!({})).await, 401);
    for (field, wrong) in [
        ("lease_seconds", json!({ "lease_seconds": 29 })),
        ("lease_seconds", json!({ "lease_seconds": 3601 })),
        ("labels", json!({ "labels": [""] })),
        ("labels", json!({ "labels": vec!["a"; 51] })),
        ("project_id", json!({ "project_id": 1 })),
    ] {
        wrong_field(&worker.client.post("/v1/tasks/claim", wrong).await, field);
    }
}

#[tokio::test]
async fn a_repeated_claim_is_the_same_task_everywhere() {
    let world = World::shared().await;
    let account = Account::new().await;
    let node = world.another_node().await;
    let worker = account.worker().await;
    let key = Uuid::new_v4().to_string();
    let ask =
        async |client: &Client, body: Value| client.post_once("/v1/tasks/claim", &key, body).await;
    // Nothing waits: nothing stands under the key.
    let none = ask(&worker.client, json!({})).await;
    assert_eq!(none.header("Idempotency-Replayed"), "");
    assert_eq!(none.expect(200), json!({ "task": null }));
    for _ in 0..2 {
        account.task(json!({})).await;
    }
    let first = ask(&worker.client, json!({})).await;
    assert!(first.body["task"].is_object(), "{}", first.text);
    worker.act(&text(&first.body["task"], "id"), "complete").await;
    for client in [worker.client.clone(), worker.client.at(&node)] {
        let again = ask(&client, json!({})).await;
        assert_eq!((again.status, &again.text), (200, &first.text));
        assert_eq!(again.header("Idempotency-Replayed"), "true");
        problem(&ask(&client, json!({ "lease_seconds": 30 })).await, 422);
    }
    let left = account.admin.get("/v1/tasks?status=open").await.expect(200);
    assert_eq!(ids(&left).len(), 1);
}

/// Also where the other node has just created it, and nothing follows the log as fast.
#[tokio::test]
async fn whoever_comes_after_a_task_was_created_finds_it() {
    let world = World::shared().await;
    let account = Account::new().await;
    let node = world.another_node().await;
    let worker = account.worker().await;
    let there = Claimer { client: worker.client.at(&node), ..account.worker().await };
    wait_until(LIMIT, "the other node knows the agent", async || {
        there.client.get("/v1/agent/me").await.status == 200
    })
    .await;
    for n in 0..40 {
        let id = account.task(json!({ "priority": 1 + n % 5 })).await;
        let claimer = if n % 2 == 0 { &worker } else { &there };
        assert_eq!(claimer.next(json!({})).await, id, "{n}");
    }
}

const RACE_TASKS: usize = 200;
const RACE_CLAIMERS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_never_hand_out_the_same_task() {
    let world = World::shared().await;
    let account = Account::new().await;
    let node = world.another_node().await;
    let labels = ["x", "y"];
    let made = (0..RACE_TASKS)
        .map(|n| account.task(json!({ "priority": 1 + n % 3, "labels": [labels[n % 2]] })));
    let made: BTreeSet<String> = join_all(made).await.into_iter().collect();
    let mut claimers = JoinSet::new();
    for n in 0..RACE_CLAIMERS {
        let worker = account.worker().await;
        let client = if n % 2 == 0 { worker.client.clone() } else { worker.client.at(&node) };
        let worker = Claimer { client, ..worker };
        // Some take only what others take too.
        let body = if n < 8 { json!({}) } else { json!({ "labels": [labels[n % 2]] }) };
        wait_until(LIMIT, "the node knows the agent", async || {
            worker.client.get("/v1/agent/me").await.status == 200
        })
        .await;
        claimers.spawn(async move {
            let mut taken = Vec::new();
            loop {
                match worker.next(body.clone()).await {
                    none if none.is_empty() => return taken,
                    task => taken.push(task),
                }
            }
        });
    }
    let mut taken = Vec::new();
    while let Some(claimer) = claimers.join_next().await {
        taken.extend(claimer.expect("a claimer ends well"));
    }
    assert_eq!(taken.len(), RACE_TASKS, "each once");
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>(), made);
    let left = account.admin.get("/v1/tasks?status=open").await.expect(200);
    assert_eq!(left, json!([]));
}
