//! Claims of one task: leases, heartbeats, states, handoffs, fences, late completions
//! (protocol 1.4, promise P9).

use baton_harness::client::{Answer, Client};
use baton_harness::receiver::{Received, Receiver};
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::poison::ByHand;
use crate::record;
use crate::world::{
    Agent, LIMIT, World, assert_has, assert_timestamp, fresh, problem, text, with, wrong_field,
};

async fn to(agent: &Agent, task: &str, action: &str, body: Value) -> Answer {
    agent.client.post(&format!("/v1/tasks/{task}/{action}"), body).await
}

async fn claim(agent: &Agent, task: &str) -> Value {
    to(agent, task, "claim", json!({})).await.expect(200)["task"].clone()
}

/// A creator, a holder, and the creator's task that the holder holds.
async fn held(world: &World) -> (Agent, Agent, String) {
    let (creator, holder) = (world.agent("creator").await, world.agent("holder").await);
    let task = creator.task_id("held").await;
    claim(&holder, &task).await;
    (creator, holder, task)
}

fn millis(document: &Value, member: &str) -> i64 {
    let time: jiff::Timestamp = text(document, member).parse().expect("a time");
    time.as_millisecond()
}

/// Ends the task's lease, as if its time were over.
async fn let_lapse(world: &World, task: &str) {
    let database = world.database.connect().await;
    let version = record::stream(&database, task).await.len() as i64 + 1;
    let id: Uuid = task.parse().expect("a task's id");
    ByHand::lease_over(id, version).insert(&database).await;
}

async fn recorded(world: &World, task: &str) -> Vec<String> {
    let events = record::stream(&world.database.connect().await, task).await;
    events.into_iter().map(|event| event.event).collect()
}

/// What was kept of a completion that came too late.
#[track_caller]
fn late(answer: &Answer, status: u16, generation: i64) -> String {
    let refused = problem(answer, status);
    assert_eq!(refused["late_completion"]["claim_generation"], generation, "{refused}");
    text(&refused["late_completion"], "id")
}

#[tokio::test]
async fn a_claim_takes_the_task_for_a_time() {
    let world = World::shared().await;
    let (creator, holder) = (world.agent("creator").await, world.agent("holder").await);
    let task = creator.task_id("claimed").await;
    let answer = to(&holder, &task, "claim", json!({ "lease_seconds": 60 })).await;
    assert_ne!(answer.header("baton-position"), "");
    let body = answer.expect(200);
    assert_eq!(body.as_object().expect("an object").len(), 1, "{body}");
    let claimed = &body["task"];
    assert_has(
        claimed,
        json!({
            "id": task, "status": "claimed", "claimed_by_agent_id": holder.id,
            "claim_generation": 1, "session_state": null, "session_state_detail": null,
            "assigned_to_agent_id": null, "started_at": claimed["claimed_at"], "revision": 2,
        }),
    );
    for member in ["claimed_at", "lease_expires_at"] {
        assert_timestamp(&claimed[member]);
    }
    let lease = millis(claimed, "lease_expires_at") - millis(claimed, "claimed_at");
    assert!((50_000..=61_000).contains(&lease), "{lease}");
    // Who held it, reads it; whoever comes now is told who holds it.
    let read = holder.client.get(&format!("/v1/tasks/{task}")).await.expect(200);
    assert_eq!(read["lease_expires_at"], claimed["lease_expires_at"]);
    let refused = to(&creator, &task, "claim", json!({})).await;
    assert_has(
        problem(&refused, 409),
        json!({
            "claimed_by_agent_id": holder.id, "lease_expires_at": claimed["lease_expires_at"],
        }),
    );
    // Five minutes where nothing is said; what is held already is held longer.
    let again = claim(&holder, &task).await;
    assert_has(
        &again,
        json!({
            "claim_generation": 1, "claimed_at": claimed["claimed_at"], "revision": 2,
            "updated_at": claimed["updated_at"],
        }),
    );
    let longer = millis(&again, "lease_expires_at") - millis(claimed, "lease_expires_at");
    assert!(longer >= 240_000, "{longer}");
    let done = to(&holder, &task, "complete", json!({ "claim_generation": 1 })).await.expect(200);
    assert_has(
        &done,
        json!({
            "status": "completed", "completed_by": holder.name, "claimed_by_agent_id": null,
            "lease_expires_at": null, "claim_generation": 1,
        }),
    );
}

#[tokio::test]
async fn who_may_claim_what() {
    let world = World::shared().await;
    let (creator, other) = (world.agent("creator").await, world.agent("other").await);
    let admin = world.agent_with("admin", json!({ "role": "admin" })).await;
    let auditor = world.agent_with("auditor", json!({ "role": "auditor" })).await;
    let coordinator = world.agent_with("boss", json!({ "role": "coordinator" })).await;
    let make = async |fields: Value| {
        let body = with(json!({ "content": "c" }), fields);
        text(&creator.client.post("/v1/tasks", body).await.expect(201), "id")
    };
    let assigned = json!({ "assigned_to": coordinator.id });
    let routed = json!({ "labels": [format!("@{}", coordinator.name), "plain"] });
    let project = Agent { client: world.project(), id: String::new(), name: String::new() };
    for (fields, agent, status) in [
        // The queue has it for everybody: it need not be readable.
        (json!({}), &other, 200),
        (json!({ "labels": ["plain"] }), &other, 200),
        (json!({}), &creator, 200),
        (json!({}), &auditor, 403),
        (json!({}), &project, 403),
        (assigned.clone(), &other, 404),
        (assigned.clone(), &creator, 409),
        (assigned.clone(), &admin, 409),
        (assigned.clone(), &coordinator, 200),
        (routed.clone(), &other, 404),
        (routed.clone(), &coordinator, 200),
        (routed.clone(), &creator, 200),
        (routed.clone(), &admin, 200),
    ] {
        let task = make(fields.clone()).await;
        let answer = to(agent, &task, "claim", json!({})).await;
        assert_eq!(answer.status, status, "{fields} by {}: {}", agent.name, answer.text);
        if status == 409 {
            let none = json!({ "claimed_by_agent_id": null, "lease_expires_at": null });
            assert_has(problem(&answer, 409), none);
        }
    }
    // What is not to be worked on is not there for those who may not read it.
    for status in ["blocked", "completed", "failed", "cancelled", "running"] {
        let task = make(json!({})).await;
        let path = format!("/v1/tasks/{task}");
        creator.client.patch(&path, json!({ "status": status })).await.expect(200);
        problem(&to(&other, &task, "claim", json!({})).await, 404);
        problem(&to(&coordinator, &task, "claim", json!({})).await, 409);
    }
    for task in [Uuid::new_v4().simple().to_string(), "nothing".to_owned()] {
        for action in ["claim", "heartbeat", "release"] {
            problem(&to(&other, &task, action, json!({})).await, 404);
        }
    }
    for action in ["claim", "heartbeat", "state"] {
        let body = json!({ "state": "working" });
        let (_, _, task) = held(world).await;
        problem(&to(&project, &task, action, body).await, 403);
    }
}

#[tokio::test]
async fn bodies_have_their_bounds() {
    let world = World::shared().await;
    let (_, holder, task) = held(world).await;
    let (most, more) = ("d".repeat(500), "d".repeat(501));
    for (action, body, field) in [
        ("claim", json!({ "lease_seconds": 29 }), "lease_seconds"),
        ("claim", json!({ "lease_seconds": 3601 }), "lease_seconds"),
        ("claim", json!({ "lease_seconds": "60" }), "lease_seconds"),
        ("heartbeat", json!({ "lease_seconds": 0 }), "lease_seconds"),
        ("heartbeat", json!({ "state": "asleep" }), "state"),
        ("heartbeat", json!({ "detail": "d" }), "detail"),
        ("heartbeat", json!({ "state": "working", "detail": more }), "detail"),
        ("state", json!({}), "state"),
        ("state", json!({ "state": null }), "state"),
        ("state", json!({ "state": "working", "detail": more }), "detail"),
        ("state", json!({ "state": "working", "claim_generation": "1" }), "claim_generation"),
        ("release", json!({ "handoff": more }), "handoff"),
    ] {
        wrong_field(&to(&holder, &task, action, body).await, field);
    }
    for (action, body) in [
        ("claim", json!({ "lease_seconds": 30, "labels": ["x"], "project_id": "p" })),
        ("heartbeat", json!({ "lease_seconds": 3600, "state": "working", "detail": most })),
        ("release", json!({ "handoff": most })),
    ] {
        to(&holder, &task, action, body).await.expect(200);
    }
    // Nothing at all is a body too.
    for action in ["claim", "heartbeat", "release"] {
        let path = format!("/v1/tasks/{task}/{action}");
        let bare = holder.client.request(reqwest::Method::POST, &path);
        assert_eq!(baton_harness::client::send(bare).await.status, 200, "{action}");
    }
}

#[tokio::test]
async fn a_heartbeat_moves_the_lease_and_nothing_else() {
    let world = World::shared().await;
    let (creator, holder, task) = held(world).await;
    let before = holder.client.get(&format!("/v1/tasks/{task}")).await.expect(200);
    let after = to(&holder, &task, "heartbeat", json!({ "lease_seconds": 600 })).await.expect(200);
    let moved = millis(&after, "lease_expires_at") - millis(&before, "lease_expires_at");
    assert!(moved >= 290_000, "{moved}");
    for member in ["revision", "updated_at", "claim_generation", "claimed_at", "session_state"] {
        assert_eq!(after[member], before[member], "{member}");
    }
    let read = creator.client.get(&format!("/v1/tasks/{task}")).await.expect(200);
    assert_eq!(read["lease_expires_at"], after["lease_expires_at"]);
    let body = json!({ "state": "waiting_input", "detail": "which region?" });
    let told = to(&holder, &task, "heartbeat", body.clone()).await.expect(200);
    assert_has(
        &told,
        json!({ "session_state": "waiting_input", "session_state_detail": "which region?" }),
    );
    assert_eq!(told["revision"], json!(before["revision"].as_i64().expect("a number") + 1));
    let list = creator.client.get("/v1/tasks?state=waiting_input&claimed=true").await.expect(200);
    assert_eq!(crate::world::ids(&list), [task.as_str()]);
    // The state alone leaves the lease as it is; no detail clears the former one.
    let said = to(&holder, &task, "state", json!({ "state": "errored" })).await.expect(200);
    assert_has(
        &said,
        json!({
            "session_state": "errored", "session_state_detail": null,
            "lease_expires_at": told["lease_expires_at"],
        }),
    );
    let revision = said["revision"].clone();
    let same = to(&holder, &task, "state", json!({ "state": "errored" })).await.expect(200);
    assert_eq!(same["revision"], revision);
    for action in ["heartbeat", "state"] {
        let refused = to(&creator, &task, action, json!({ "state": "working" })).await;
        let by = json!({ "claimed_by_agent_id": holder.id });
        assert_has(problem(&refused, 409), by);
        let stale = json!({ "state": "working", "claim_generation": 0 });
        problem(&to(&holder, &task, action, stale).await, 409);
    }
}

#[tokio::test]
async fn a_release_leaves_a_handoff_for_the_next() {
    let world = World::shared().await;
    let (creator, holder, task) = held(world).await;
    problem(&to(&creator, &task, "release", json!({})).await, 403);
    let stale = json!({ "claim_generation": 7 });
    problem(&to(&holder, &task, "release", stale).await, 409);
    let said = json!({ "state": "working", "detail": "two of three read" });
    to(&holder, &task, "state", said).await.expect(200);
    let left = to(&holder, &task, "release", json!({ "claim_generation": 1 })).await.expect(200);
    assert_has(
        &left,
        json!({
            "status": "open", "claimed_by_agent_id": null, "claimed_at": null,
            "lease_expires_at": null, "session_state": null, "session_state_detail": null,
            "handoff_note": "two of three read", "handoff_by_agent_id": holder.id,
            "handoff_state": "working", "claim_generation": 1,
        }),
    );
    assert_eq!(left["handoff_by_agent"]["name"], json!(holder.name));
    problem(&to(&holder, &task, "release", json!({})).await, 409);
    let next = claim(&creator, &task).await;
    assert_has(&next, json!({ "handoff_note": "two of three read", "claim_generation": 2 }));
    // An admin gives it back for the holder, in words of its own.
    let path = format!("/v1/tasks/{task}/release");
    let body = json!({ "handoff": "reassigned" });
    let left = world.project().post(&path, body).await.expect(200);
    assert_has(
        &left,
        json!({
            "handoff_note": "reassigned", "handoff_by_agent_id": null, "handoff_by_agent": null,
            "handoff_state": null, "status": "open",
        }),
    );
    let done = to(&creator, &task, "complete", json!({})).await.expect(200);
    assert_has(
        &done,
        json!({
            "handoff_note": null, "handoff_by_agent_id": null, "handoff_by_agent": null,
            "handoff_state": null,
        }),
    );
}

#[tokio::test]
async fn a_lapsed_claim_shows_its_holder_until_somebody_takes_the_task() {
    let world = World::new().await;
    let (creator, holder, task) = held(&world).await;
    let next = world.agent("next").await;
    let_lapse(&world, &task).await;
    for action in ["heartbeat", "state"] {
        let refused = to(&holder, &task, action, json!({ "state": "working" })).await;
        let by = json!({ "claimed_by_agent_id": holder.id });
        assert_has(problem(&refused, 409), by);
    }
    let detail = text(problem(&to(&holder, &task, "fail", json!({})).await, 403), "detail");
    assert!(detail.contains("/tasks/:id/claim"), "{detail}");
    record::caught_up(&world).await;
    let shown = creator.client.get(&format!("/v1/tasks/{task}")).await.expect(200);
    assert_has(&shown, json!({ "status": "claimed", "claimed_by_agent_id": holder.id }));
    let taken = claim(&next, &task).await;
    assert_has(&taken, json!({ "claimed_by_agent_id": next.id, "claim_generation": 2 }));
    for body in [json!({}), json!({ "claim_generation": 1 })] {
        problem(&to(&holder, &task, "heartbeat", body).await, 409);
    }
    // The same agent, somewhere else, is another holder: its name is no fence.
    let_lapse(&world, &task).await;
    assert_eq!(claim(&next, &task).await["claim_generation"], 3);
    problem(&to(&next, &task, "heartbeat", json!({ "claim_generation": 2 })).await, 409);
    to(&next, &task, "heartbeat", json!({ "claim_generation": 3 })).await.expect(200);
    // Its holder gives it back also after its time.
    let_lapse(&world, &task).await;
    let left = to(&next, &task, "release", json!({ "handoff": "late" })).await.expect(200);
    assert_has(&left, json!({ "status": "open", "handoff_note": "late" }));
    record::assert_models_equal_a_rebuild(&world).await;
}

#[tokio::test]
async fn what_a_fenced_out_holder_had_finished_is_kept_and_can_be_accepted() {
    let world = World::new().await;
    let (creator, holder, task) = held(&world).await;
    let (next, other) = (world.agent("next").await, world.agent("other").await);
    let_lapse(&world, &task).await;
    let before = claim(&next, &task).await;
    let finished = json!({
        "claim_generation": 1, "metadata": { "result": "five" }, "result_summary": "found",
        "evidence": [{ "kind": "commit", "ref": "4be6b0f" }],
    });
    let answer = to(&holder, &task, "complete", finished.clone()).await;
    let id = late(&answer, 409, 1);
    // Nothing has changed, but that it is on record: once, however often it is said.
    let path = format!("/v1/tasks/{task}");
    let shown = creator.client.get(&path).await.expect(200);
    for member in ["status", "claimed_by_agent_id", "revision", "metadata", "updated_at"] {
        assert_eq!(shown[member], before[member], "{member}");
    }
    for body in [finished.clone(), json!({ "claim_generation": 1 })] {
        assert_eq!(late(&to(&holder, &task, "complete", body).await, 409, 1), id);
    }
    let kept: Vec<String> = recorded(&world, &task).await;
    let count = kept.iter().filter(|event| *event == "task.completion_late").count();
    assert_eq!(count, 1, "{kept:?}");
    let events = creator.client.get(&format!("{path}/events")).await.expect(200);
    let items = events["items"].as_array().expect("items");
    let told = items.iter().find(|event| event["type"] == "task.completion_late");
    let told = told.unwrap_or_else(|| panic!("{events}"));
    assert_eq!((text(told, "id"), &told["internal"]), (id.clone(), &json!(true)));
    assert_eq!(told["data"]["event"]["changes"]["metadata"]["result"], "five");
    assert_eq!(told["data"]["agent"]["id"], json!(holder.id));

    let accept = format!("late-completions/{id}/accept");
    problem(&to(&other, &task, &accept, json!({})).await, 404);
    for agent in [&holder, &next] {
        problem(&to(agent, &task, &accept, json!({})).await, 403);
    }
    let unknown = format!("late-completions/{}/accept", Uuid::new_v4());
    for wrong in [&*unknown, "late-completions/none/accept"] {
        problem(&to(&creator, &task, wrong, json!({})).await, 404);
    }
    let done = to(&creator, &task, &accept, json!({})).await.expect(200);
    assert_has(
        &done,
        json!({
            "status": "completed", "completed_by": holder.name,
            "completed_by_agent_id": holder.id, "claimed_by_agent_id": null,
            "result_summary": "found", "metadata": { "result": "five" },
        }),
    );
    assert_eq!(done["completion_evidence"][0]["ref"], "4be6b0f");
    let again = to(&creator, &task, &accept, json!({})).await.expect(200);
    assert_eq!(again["revision"], done["revision"]);
    // Who held it meanwhile has lost it by this.
    late(&to(&next, &task, "complete", json!({ "claim_generation": 2 })).await, 409, 2);
    record::caught_up(&world).await;
    record::assert_models_equal_a_rebuild(&world).await;
}

#[tokio::test]
async fn a_completion_is_late_in_whatever_way_the_claim_was_lost() {
    let world = World::shared().await;
    for (action, body) in [
        ("release", json!({})),
        ("complete", json!({})),
        ("cancel", json!({})),
        ("delegate", json!({ "agent_id": world.agent("third").await.id })),
    ] {
        let (_, holder, task) = held(world).await;
        let path = format!("/v1/tasks/{task}/{action}");
        world.project().post(&path, body).await.expect(200);
        // Without a word about the claim: what everybody hears who may not write the task.
        let answer = to(&holder, &task, "complete", json!({ "metadata": { "n": 1 } })).await;
        let id = late(&answer, 403, 1);
        assert!(text(&answer.body, "detail").contains("/tasks/:id/claim"), "{}", answer.text);
        // By a status it is the same completion.
        let done = json!({ "status": "done", "claim_generation": 1 });
        let answer = holder.client.patch(&format!("/v1/tasks/{task}"), done).await;
        assert_eq!(late(&answer, 409, 1), id, "after {action}");
    }
    // Whoever gave it back, or never held it, was not late.
    let (_, holder, task) = held(world).await;
    to(&holder, &task, "release", json!({})).await.expect(200);
    let answer = to(&holder, &task, "complete", json!({})).await;
    assert_eq!(problem(&answer, 403).get("late_completion"), None);
    let coordinator = world.agent_with("boss", json!({ "role": "coordinator" })).await;
    let answer = to(&coordinator, &task, "complete", json!({ "claim_generation": 1 })).await;
    assert_eq!(problem(&answer, 403).get("late_completion"), None);
}

#[tokio::test]
async fn a_refusal_that_records_something_is_not_replayed() {
    let world = World::shared().await;
    let (creator, holder, task) = held(world).await;
    let path = format!("/v1/tasks/{task}");
    world.project().post(&format!("{path}/release"), json!({})).await.expect(200);
    let key = fresh("late");
    let (complete, body) = (format!("{path}/complete"), json!({ "claim_generation": 1 }));
    let once = async || holder.client.post_once(&complete, &key, body.clone()).await;
    // Nobody has claimed it since: it is lost all the same.
    let first = once().await;
    let id = late(&first, 409, 1);
    let second = once().await;
    assert_eq!(late(&second, 409, 1), id);
    assert_eq!(second.header("idempotency-replayed"), "");
    let accept = format!("{path}/late-completions/{id}/accept");
    let key = fresh("accept");
    let done = creator.client.post_once(&accept, &key, json!({})).await;
    let again = creator.client.post_once(&accept, &key, json!({})).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(done.expect(200), again.expect(200));
}

#[tokio::test]
async fn a_claim_repeated_with_its_key_is_the_same_claim() {
    let world = World::shared().await;
    let (creator, holder) = (world.agent("creator").await, world.agent("holder").await);
    let task = creator.task_id("once").await;
    let key = fresh("claim");
    let path = format!("/v1/tasks/{task}/claim");
    let body = json!({ "lease_seconds": 60 });
    let first = holder.client.post_once(&path, &key, body.clone()).await.expect(200);
    let beat = json!({ "lease_seconds": 600 });
    to(&holder, &task, "heartbeat", beat).await.expect(200);
    let again = holder.client.post_once(&path, &key, body).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.expect(200), first);
    let other = json!({ "lease_seconds": 90 });
    problem(&holder.client.post_once(&path, &key, other).await, 422);
    // Refusals are not kept: who comes again may find it open.
    let key = fresh("claim");
    problem(&creator.client.post_once(&path, &key, json!({})).await, 409);
    to(&holder, &task, "release", json!({})).await.expect(200);
    let late = creator.client.post_once(&path, &key, json!({})).await.expect(200);
    assert_eq!(late["task"]["claim_generation"], 2);
}

#[tokio::test]
async fn who_completed_the_task_may_say_so_again() {
    let world = World::shared().await;
    let (_, holder, task) = held(world).await;
    let_lapse(world, &task).await;
    claim(&holder, &task).await;
    let done = to(&holder, &task, "complete", json!({})).await.expect(200);
    let events = recorded(world, &task).await;
    let bodies = [json!({}), json!({"claim_generation": done["claim_generation"]})];
    for body in bodies {
        assert_eq!(to(&holder, &task, "complete", body).await.expect(200), done);
    }
    // It is a claim of before that it names: that one was lost.
    let lost = to(&holder, &task, "complete", json!({"claim_generation": 1})).await;
    late(&lost, 409, 1);
    assert_eq!(
        recorded(world, &task).await,
        [events, vec!["task.completion_late".into()]].concat()
    );
}

#[tokio::test]
async fn of_many_claimers_on_two_nodes_one_wins() {
    const ROUNDS: usize = 20;
    let world = World::new().await;
    let node = world.another_node().await;
    let creator = world.agent("creator").await;
    let mut claimers = Vec::new();
    for nth in 0..8 {
        let role = if nth < 4 { "worker" } else { "coordinator" };
        let agent = world.agent_with("claimer", json!({ "role": role })).await;
        let client = if nth % 2 == 0 { agent.client.clone() } else { agent.client.at(&node) };
        claimers.push((client, agent.id));
    }
    for round in 0..ROUNDS {
        let task = creator.task_id("wanted").await;
        let path = format!("/v1/tasks/{task}/claim");
        let asked = claimers.iter().map(|(client, _)| client.post(&path, json!({})));
        let answers = join_all(asked).await;
        let (won, lost): (Vec<_>, Vec<_>) =
            answers.into_iter().zip(&claimers).partition(|(answer, _)| answer.status == 200);
        let [(winner, (_, id))] = &won[..] else { panic!("round {round}: {} won", won.len()) };
        assert_has(
            &winner.body["task"],
            json!({ "claimed_by_agent_id": id, "claim_generation": 1 }),
        );
        for (answer, _) in lost {
            // Whoever may not read what is held does not hear who holds it.
            match answer.status {
                409 => assert_has(problem(&answer, 409), json!({ "claimed_by_agent_id": id })),
                _ => drop(problem(&answer, 404)),
            }
        }
        assert_eq!(recorded(&world, &task).await, ["task.created", "task.claimed"]);
    }
}

#[tokio::test]
async fn holders_on_two_nodes_are_fenced_alike() {
    let world = World::new().await;
    let node = world.another_node().await;
    let (creator, first, second) =
        (world.agent("creator").await, world.agent("first").await, world.agent("second").await);
    let elsewhere = |agent: &Agent, path: &str, body: Value| -> (Client, String, Value) {
        (agent.client.at(&node), path.to_owned(), body)
    };
    for _ in 0..5 {
        let task = creator.task_id("contested").await;
        let path = format!("/v1/tasks/{task}");
        claim(&first, &task).await;
        let_lapse(&world, &task).await;
        // One takes the task at a node while the other completes it at another.
        let (client, claiming, body) = elsewhere(&second, &format!("{path}/claim"), json!({}));
        let completing = json!({ "claim_generation": 1 });
        let (taken, done) =
            tokio::join!(client.post(&claiming, body), to(&first, &task, "complete", completing),);
        assert_eq!(taken.status, 200, "{}", taken.text);
        late(&done, 409, 1);
        let (client, completing, body) =
            elsewhere(&second, &format!("{path}/complete"), json!({ "claim_generation": 2 }));
        let done = client.post(&completing, body).await.expect(200);
        assert_has(&done, json!({ "completed_by": second.name }));
        let events = recorded(&world, &task).await;
        let completions = events.iter().filter(|event| *event == "task.completed").count();
        assert_eq!(completions, 1, "{events:?}");
    }
}

#[tokio::test]
async fn webhooks_hear_of_claims_and_states_and_not_of_heartbeats() {
    let world = World::shared().await;
    let (creator, holder) = (world.agent("creator").await, world.agent("holder").await);
    let receiver = Receiver::start().await;
    let body = json!({ "url": receiver.url(), "events": ["*"] });
    world.project().post("/v1/webhooks", body).await.expect(201);
    let task = creator.task_id("watched").await;
    claim(&holder, &task).await;
    to(&holder, &task, "heartbeat", json!({})).await.expect(200);
    let said = json!({ "state": "working", "detail": "reads" });
    to(&holder, &task, "heartbeat", said).await.expect(200);
    to(&holder, &task, "state", json!({ "state": "errored" })).await.expect(200);
    to(&holder, &task, "release", json!({ "handoff": "half" })).await.expect(200);
    let of_task = |requests: &[Received]| -> Vec<Value> {
        let bodies = requests.iter().map(Received::json);
        bodies.filter(|body| body["task"]["id"] == *task).collect()
    };
    let requests = receiver.wait_for(LIMIT, |requests| of_task(requests).len() >= 5).await;
    let heard = of_task(&requests);
    let names: Vec<&str> =
        heard.iter().map(|body| body["event"].as_str().expect("a name")).collect();
    let told = "task.state_changed";
    assert_eq!(names, ["task.created", "task.claimed", told, told, "task.released"]);
    assert_eq!(heard[1]["task"]["claimed_by_agent_id"], json!(holder.id));
    assert_eq!(heard[1].get("previous_state"), None);
    assert_eq!(heard[2]["previous_state"], Value::Null);
    assert!(heard[2].as_object().expect("an object").contains_key("previous_state"));
    assert_eq!(heard[2]["task"]["session_state_detail"], "reads");
    assert_eq!(heard[3]["previous_state"], "working");
    assert_eq!(heard[3]["task"]["session_state"], "errored");
    assert_eq!(heard[4]["task"]["handoff_note"], "half");
    assert_eq!(heard[4]["agent"]["id"], json!(holder.id));
}
