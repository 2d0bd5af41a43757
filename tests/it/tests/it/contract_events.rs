//! `GET /v1/events` and `GET /v1/tasks/{id}/events`: order, pages, filters, rights, long polls.

use std::time::{Duration, Instant};

use baton_harness::client::{Client, Credential, send};
use baton_harness::wait_for;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::record;
use crate::world::{
    Agent, LIMIT, World, assert_timestamp, problem, text, waited_in_vain, wrong_field,
};

/// Many events of one task, by hand: a stretch of the log in which a filter finds nothing.
const STRETCH: &str = "with head as (select max(position) as position, \
     max(account_seq) as seq from public.events where account_id = 'default') \
     insert into public.events (position, account_id, account_seq, stream_kind, stream_id, \
         version, event_id, event_type, schema_version, payload, actor, correlation_id, \
         recorded_at, content_hash) \
     select head.position + n, 'default', head.seq + n, 'task', $1, n + 1, gen_random_uuid(), \
         'task.updated', 1, '{}', 'project', gen_random_uuid(), \
         date_trunc('milliseconds', clock_timestamp()), decode(repeat('00', 32), 'hex') \
     from head, generate_series(1, 6000) n";

/// A position as the documents have it.
fn position(event: &Value) -> i64 {
    text(event, "position").parse().expect("digits")
}

fn types(page: &Value) -> Vec<String> {
    items(page).iter().map(|item| text(item, "type")).collect()
}

fn items(page: &Value) -> &Vec<Value> {
    page["items"].as_array().expect("items")
}

/// Every page from the beginning, of this size.
async fn all(client: &Client, query: &str, limit: usize) -> Vec<Value> {
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let path = format!("/v1/events?after={after}&limit={limit}&{query}");
        let page = client.get(&path).await.expect(200);
        let next = page["next_after"].as_i64().expect("a position");
        assert!(items(&page).len() <= limit, "{page}");
        found.extend(items(&page).iter().cloned());
        if page["next_after"] == page["head"] {
            return found;
        }
        assert!(next > after, "a page that is not the last one moves on: {page}");
        after = next;
    }
}

/// Something of every kind, by two agents.
async fn some_history(world: &World) -> (Agent, Agent, String) {
    let (writer, worker) = (world.agent("writer").await, world.agent("worker").await);
    let id = writer.task_id("the first").await;
    let path = format!("/v1/tasks/{id}");
    writer.client.post(&format!("{path}/delegate"), json!({ "agent_id": worker.id })).await;
    worker.client.post(&format!("{path}/delegate"), json!({ "content": "child" })).await;
    worker.client.post(&format!("{path}/complete"), json!({})).await.expect(200);
    // What came before shows the name of its time.
    let renamed = json!({ "display_name": "Renamed" });
    let agent = format!("/v1/agents/{}", worker.id);
    world.project().patch(&agent, renamed).await.expect(200);
    worker.task("as renamed").await;
    let hook = json!({ "url": "https://hooks.example/x", "active": false });
    world.project().post("/v1/webhooks", hook).await.expect(201);
    let doomed = writer.task_id("deleted").await;
    writer.client.delete(&format!("/v1/tasks/{doomed}")).await;
    let rotate = format!("/v1/agents/{}/rotate-key", world.agent("rotated").await.id);
    world.project().post(&rotate, json!({})).await.expect(200);
    (writer, worker, id)
}

#[tokio::test]
async fn pages_hold_every_event_once_in_order_and_are_what_nats_has() {
    let world = World::new().await;
    some_history(&world).await;
    let log = record::log(&world.database.connect().await).await;
    let expected: Vec<(i64, String)> =
        log.iter().map(|event| (event.position, event.id.to_string())).collect();
    for limit in [1, 3, 1000] {
        let found = all(&world.project(), "", limit).await;
        let found: Vec<_> =
            found.iter().map(|event| (position(event), text(event, "id"))).collect();
        assert_eq!(found, expected, "pages of {limit}");
    }
    let head = log.last().expect("events").position;
    let published = record::messages(&world.nats, head).await;
    let found = all(&world.project(), "", 100).await;
    for (event, message) in found.iter().zip(&published) {
        let message: Value = serde_json::from_slice(&message.body).expect("JSON");
        assert_eq!(*event, message);
        assert_timestamp(&event["time"]);
    }
    let is_internal = |name: &str| {
        let event = found.iter().find(|event| event["type"] == name);
        event.unwrap_or_else(|| panic!("no {name}"))["internal"].clone()
    };
    assert_eq!(is_internal("task.completed"), json!(false));
    for name in ["task.child_delegated", "agent.created", "agent.key_rotated", "webhook.created"] {
        assert_eq!(is_internal(name), json!(true), "{name}");
    }
    // P10: what only Baton needs stays inside.
    let everything = world.project().get("/v1/events?limit=1000").await.text;
    for secret in ["key_hash", "key_prefix", "token_hash", "dlg_"] {
        assert!(!everything.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn filters_pass_what_they_name() {
    let world = World::new().await;
    let (writer, worker, id) = some_history(&world).await;
    let request = Uuid::new_v4();
    let update = writer.client.request(Method::PATCH, &format!("/v1/tasks/{id}"));
    let update = update.header("X-Request-Id", request.to_string());
    send(update.json(&json!({ "priority": 4 }))).await.expect(200);
    let project = world.project();
    let whole = all(&project, "", 1000).await;
    let count = |holds: &dyn Fn(&Value) -> bool| whole.iter().filter(|event| holds(event)).count();
    let is = |event: &Value, name: &str| event["type"] == name;
    for (query, expected) in [
        ("types=task.completed", count(&|event| is(event, "task.completed"))),
        ("types=task.created,task.deleted", 5),
        ("types=task.created&types=task.deleted", 5),
        ("types=webhook.*", 1),
        ("types=agent.*,task.completed", 6),
        ("types=epic.created", 0),
        (
            &format!("agent={}", worker.name),
            count(&|event| event["actor"] == format!("agent:{}", worker.id)),
        ),
        (
            &format!("agent={}", worker.id),
            count(&|event| event["actor"] == format!("agent:{}", worker.id)),
        ),
        ("agent=nobody-of-that-name", 0),
        ("agent=me", 0),
        (&format!("correlation_id={request}"), 1),
        (&format!("correlation_id={}", Uuid::new_v4()), 0),
        (&format!("task={id}"), count(&|event| event["subject"] == format!("task/{id}"))),
        (&format!("task={id}&types=task.delegated"), 1),
        ("task=none", 0),
    ] {
        for limit in [1, 100] {
            let found = all(&project, query, limit).await;
            assert_eq!(found.len(), expected, "{query}");
            assert!(found.iter().all(|event| whole.contains(event)), "{query}");
        }
    }
    assert!(count(&|event| event["actor"] == format!("agent:{}", worker.id)) >= 3);
}

#[tokio::test]
async fn a_wrong_value_is_422_and_named() {
    let world = World::shared().await;
    let project = world.project();
    for (query, field) in [
        ("after=-1", "after"),
        ("after=x", "after"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("types=task.complete", "types"),
        ("types=tasks.*", "types"),
        ("types=*", "types"),
        ("correlation_id=1", "correlation_id"),
        ("wait=31", "wait"),
        ("wait=-1", "wait"),
    ] {
        wrong_field(&project.get(&format!("/v1/events?{query}")).await, field);
    }
    for (query, field) in [("after=x", "after"), ("types=x", "types")] {
        wrong_field(&project.get(&format!("/v1/events/stream?{query}")).await, field);
    }
    let stream = project.request(Method::GET, "/v1/events/stream").header("Last-Event-ID", "x");
    wrong_field(&send(stream).await, "Last-Event-ID");
    let answer = world.nobody().get("/v1/events").await;
    problem(&answer, 401);
}

#[tokio::test]
async fn who_may_read_which_events() {
    let world = World::shared().await;
    let worker = world.agent("worker").await;
    let role = async |role: &str| world.agent_with(role, json!({ "role": role })).await;
    let (admin, coordinator, auditor) =
        (role("admin").await, role("coordinator").await, role("auditor").await);
    let permitted = json!({ "permissions": ["tasks.read_all"] });
    let permitted = world.agent_with("permitted", permitted).await;
    let (mine, others) =
        (worker.task_id("mine").await, world.agent("other").await.task_id("other's").await);
    let project = world.project();
    for client in [&project, &admin.client, &coordinator.client, &auditor.client] {
        client.get("/v1/events?limit=1").await.expect(200);
        client.get(&format!("/v1/events?task={others}")).await.expect(200);
    }
    for client in [&worker.client, &permitted.client] {
        let refused = client.get("/v1/events").await;
        let refused = problem(&refused, 403);
        assert!(text(refused, "detail").contains("task="), "{refused}");
        problem(&client.get("/v1/events/stream").await, 403);
    }
    permitted.client.get(&format!("/v1/events?task={others}")).await.expect(200);
    let page = worker.client.get(&format!("/v1/events?task={mine}")).await.expect(200);
    assert_eq!(types(&page), ["task.created"]);
    // Not theirs, and not there: no difference.
    for task in [&others, &Uuid::new_v4().simple().to_string(), &"x".to_owned()] {
        let refused = worker.client.get(&format!("/v1/events?task={task}")).await;
        assert_eq!(problem(&refused, 404)["error"], "Task not found");
        let refused = worker.client.get(&format!("/v1/events/stream?task={task}")).await;
        assert_eq!(problem(&refused, 404)["error"], "Task not found");
        let refused = worker.client.get(&format!("/v1/tasks/{task}/events")).await;
        assert_eq!(problem(&refused, 404)["error"], "Task not found");
    }
    let page = worker.client.get(&format!("/v1/tasks/{mine}/events")).await.expect(200);
    assert_eq!(types(&page), ["task.created"]);
}

#[tokio::test]
async fn another_account_sees_none_of_it() {
    let world = World::new().await;
    let (_, _, id) = some_history(&world).await;
    let opened = world.baton.command(&["account", "create", "other"]).await;
    let token = String::from_utf8(opened.stdout).expect("a token").trim().to_owned();
    let other = world.project().with(Credential::Bearer(token));
    wait_for(LIMIT, "the new account's token works", async || {
        (other.get("/v1/agent/me").await.status == 200).then_some(())
    })
    .await;
    let page = other.get("/v1/events").await.expect(200);
    assert_eq!(types(&page), ["account.opened"]);
    assert_eq!(page["head"], json!(position(&items(&page)[0])));
    for query in [format!("task={id}"), "types=task.*".to_owned()] {
        let page = other.get(&format!("/v1/events?{query}")).await.expect(200);
        assert_eq!(page["items"], json!([]), "{query}");
    }
    // Nor is it woken by what happens elsewhere.
    let polls = async {
        let path = format!("/v1/events?after={}&wait=2", page["next_after"]);
        let started = Instant::now();
        (other.get(&path).await.expect(200), started.elapsed())
    };
    let busy = world.agent("busy").await;
    let works = async {
        for n in 0..20 {
            busy.task(&format!("task {n}")).await;
        }
    };
    let ((woken, waited), ()) = tokio::join!(polls, works);
    assert_eq!(woken["items"], json!([]));
    assert!(waited >= Duration::from_secs(2), "{waited:?}");
    let page = world.project().get("/v1/events?types=account.*").await.expect(200);
    assert_eq!(page["items"], json!([]), "nor we of theirs");
}

#[tokio::test]
async fn the_events_of_a_task_are_listed_until_it_is_deleted() {
    let world = World::shared().await;
    let agent = world.agent("writer").await;
    let id = agent.task_id("watched").await;
    let path = format!("/v1/tasks/{id}");
    for priority in [1, 3, 5] {
        agent.client.patch(&path, json!({ "priority": priority })).await.expect(200);
    }
    let page = agent.client.get(&format!("{path}/events")).await.expect(200);
    assert_eq!(types(&page), ["task.created", "task.updated", "task.updated", "task.updated"]);
    assert_eq!(page["next_after"], page["head"]);
    let versions: Vec<_> = items(&page).iter().map(|item| text(item, "streamversion")).collect();
    assert_eq!(versions, ["1", "2", "3", "4"]);
    let priorities: Vec<_> =
        items(&page).iter().map(|item| &item["data"]["task"]["priority"]).collect();
    assert_eq!(priorities, [&json!(2), &json!(1), &json!(3), &json!(5)], "each as of its event");
    let after = position(&items(&page)[1]);
    let rest = agent.client.get(&format!("{path}/events?after={after}&limit=1")).await.expect(200);
    assert_eq!(rest["items"], json!([items(&page)[2]]));
    assert_eq!(rest["next_after"], json!(position(&items(&page)[2])));
    agent.client.delete(&path).await;
    problem(&agent.client.get(&format!("{path}/events")).await, 404);
    problem(&world.project().get(&format!("{path}/events")).await, 404);
    problem(&agent.client.get(&format!("/v1/events?task={id}")).await, 404);
    let page = world.project().get(&format!("/v1/events?task={id}")).await.expect(200);
    assert_eq!(types(&page).last().map(String::as_str), Some("task.deleted"), "it is history");
}

#[tokio::test]
async fn a_long_poll_ends_with_the_event_it_waits_for() {
    let world = World::new().await;
    let (agent, project) = (world.agent("writer").await, world.project());
    let there = world.another_node().await;
    let page = project.get("/v1/events?limit=1000").await.expect(200);
    let mut after = page["next_after"].as_i64().expect("a position");
    let (mut here_waits, mut there_waits) = (Vec::new(), Vec::new());
    for n in 0..24 {
        let id = agent.task_id(&format!("task {n}")).await;
        let reader = if n % 2 == 0 { project.clone() } else { project.at(&there) };
        let path = format!("/v1/events?after={after}&wait=20&types=task.completed");
        let poll = tokio::spawn(async move { (reader.get(&path).await, Instant::now()) });
        let done = agent.client.post(&format!("/v1/tasks/{id}/complete"), json!({})).await;
        let answered = Instant::now();
        done.expect(200);
        let (page, woken) = poll.await.expect("a poll");
        let page = page.expect(200);
        assert_eq!(types(&page), ["task.completed"]);
        assert_eq!(items(&page)[0]["subject"], format!("task/{id}"));
        after = page["next_after"].as_i64().expect("a position");
        let waits = if n % 2 == 0 { &mut here_waits } else { &mut there_waits };
        waits.push(woken.saturating_duration_since(answered));
    }
    for waits in [&mut here_waits, &mut there_waits] {
        waits.sort();
        let median = waits[waits.len() / 2];
        assert!(median < Duration::from_millis(100), "{waits:?}");
    }
    let started = Instant::now();
    let path = format!("/v1/events?after={after}&wait=1");
    let page = project.get(&path).await.expect(200);
    assert_eq!((&page["items"], &page["next_after"]), (&json!([]), &json!(after)));
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_long_poll_answers_as_the_reader_may_then() {
    let world = World::new().await;
    let (agent, worker) = (world.agent("writer").await, world.agent("worker").await);
    let id = agent.task_id("handed on").await;
    let hand = format!("/v1/tasks/{id}/delegate");
    agent.client.post(&hand, json!({ "agent_id": worker.id })).await.expect(200);
    let page = worker.client.get(&format!("/v1/events?task={id}")).await.expect(200);
    // The last event of a task still comes to those who waited for it.
    let path = format!("/v1/events?task={id}&after={}&wait=20", page["next_after"]);
    let waiting = worker.client.clone();
    let poll = tokio::spawn(async move { waiting.get(&path).await });
    waited_in_vain(&agent.client, &id).await;
    agent.client.delete(&format!("/v1/tasks/{id}")).await;
    assert_eq!(types(&poll.await.expect("a poll").expect(200)), ["task.deleted"]);
    // A key that was revoked meanwhile gets nothing.
    let coordinator = world.agent_with("coordinator", json!({ "role": "coordinator" })).await;
    let another = agent.task_id("another").await;
    let after =
        world.project().get("/v1/events?limit=1000").await.expect(200)["next_after"].clone();
    let path = format!("/v1/events?after={after}&wait=20");
    let waiting = coordinator.client.clone();
    let poll = tokio::spawn(async move { waiting.get(&path).await });
    waited_in_vain(&agent.client, &another).await;
    let rotate = format!("/v1/agents/{}/rotate-key", coordinator.id);
    world.project().post(&rotate, json!({})).await.expect(200);
    problem(&poll.await.expect("a poll"), 401);
}

#[tokio::test]
async fn a_page_moves_past_what_does_not_match_at_a_bounded_cost() {
    let world = World::new().await;
    let agent = world.agent("writer").await;
    let id = agent.task_id("much ado").await;
    let superuser = world.database.connect_as_superuser().await;
    assert_eq!(superuser.execute(STRETCH, &[&id]).await.expect("rows"), 6_000);
    let project = world.project();
    let page = project.get("/v1/events?types=webhook.deleted").await.expect(200);
    assert_eq!(page["items"], json!([]));
    let (next, head) =
        (page["next_after"].as_i64().unwrap_or(0), page["head"].as_i64().unwrap_or(0));
    assert!(next > 0 && next < head, "not all of it at once: {page}");
    // Also with a wait: there is more to look at.
    let started = Instant::now();
    let waited = project.get("/v1/events?types=webhook.deleted&wait=20").await.expect(200);
    assert_eq!(waited["next_after"], page["next_after"]);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let page = project.get(&format!("/v1/events?types=webhook.deleted&after={next}")).await;
    let page = page.expect(200);
    assert_eq!(page["next_after"], page["head"]);
}

#[tokio::test]
async fn large_events_come_in_smaller_pages_and_none_is_lost() {
    let world = World::new().await;
    let agent = world.agent("writer").await;
    for n in 0..40 {
        let large = "x".repeat(200_000);
        let body = json!({ "content": format!("large {n}"), "metadata": { "large": large } });
        agent.client.post("/v1/tasks", body).await.expect(201);
    }
    let page = world.project().get("/v1/events?limit=1000").await;
    assert!(page.text.len() < 6_000_000, "{}", page.text.len());
    let page = page.expect(200);
    assert!(items(&page).len() < 40 && page["next_after"] != page["head"]);
    assert_eq!(all(&world.project(), "types=task.created", 1000).await.len(), 40);
}

#[tokio::test]
async fn a_position_that_the_log_has_not_is_422() {
    let world = World::shared().await;
    let request = world.project().request(Method::GET, "/v1/events");
    let answer = send(request.header("Baton-Min-Position", "9000000000000")).await;
    wrong_field(&answer, "Baton-Min-Position");
}
