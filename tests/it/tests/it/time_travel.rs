//! Time travel: what a read showed at a position, it shows again for `as_of`, whatever has
//! happened since (protocol 0.14).

use baton_harness::client::{Answer, Client};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::world::{Agent, World, ids, problem, text, wrong_field};

/// An answer, and what was asked for it.
struct Seen {
    position: i64,
    reader: usize,
    path: String,
    status: u16,
    body: Value,
    has_more: String,
}

/// The log's last position.
async fn head(admin: &Client) -> i64 {
    let events = admin.get("/v1/events?limit=1").await.expect(200);
    events["head"].as_i64().expect("a position")
}

/// When each event happened, by its position.
async fn times(admin: &Client) -> Vec<(i64, String)> {
    let (mut times, mut after) = (Vec::new(), 0);
    loop {
        let events = admin.get(&format!("/v1/events?limit=1000&after={after}")).await.expect(200);
        let items = events["items"].as_array().expect("events");
        if items.is_empty() {
            return times;
        }
        for event in items {
            let position = text(event, "position").parse().expect("a position");
            times.push((position, text(event, "time")));
        }
        after = events["next_after"].as_i64().expect("a position");
    }
}

/// The same read as of a moment.
fn as_of(path: &str, moment: &str) -> String {
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("{path}{mark}as_of={moment}")
}

/// Without what no event says.
fn told(mut body: Value) -> Value {
    match &mut body {
        Value::Array(items) => items.iter_mut().for_each(|item| *item = told(item.take())),
        Value::Object(members) => {
            members.remove("last_seen_at");
        }
        _ => (),
    }
    body
}

/// Every kind of read, of these tasks and of the account.
fn paths(tasks: &[String], agents: &[&Agent]) -> Vec<String> {
    let of_account = [
        "/v1/tasks",
        "/v1/tasks?include_completed=true&sort=updated&include=pagination",
        "/v1/tasks?include_completed=true&sort=completed&limit=2",
        "/v1/tasks?sort=due&due_after=2026-01-01&view=summary",
        "/v1/tasks?due=today",
        "/v1/tasks?claimed=true",
        "/v1/tasks?state=working",
        "/v1/tasks?assigned_to=me",
        "/v1/tasks?assigned_to=none&labels=css",
        "/v1/tasks?search=MENDED&include=pagination&offset=1",
        "/v1/stats",
        "/v1/fleet/attention",
        "/v1/agents",
    ];
    let mut paths: Vec<String> = of_account.into_iter().map(str::to_owned).collect();
    for agent in agents {
        paths.push(format!("/v1/agents/{}", agent.id));
        paths.push(format!("/v1/agents/{}", agent.name));
        paths.push(format!("/v1/tasks?created_by={}", agent.name));
    }
    for task in tasks {
        let of_task = [
            "",
            "/chain",
            "/children",
            "/context?include=provenance",
            "/context/history",
            "/context/history?key=found&limit=1",
            "/comments",
            "/subtasks",
            "/links",
        ];
        paths.extend(of_task.map(|part| format!("/v1/tasks/{task}{part}")));
    }
    paths
}

/// Asks everything now; the answers belong to one position, at which nothing else happens.
async fn look(readers: &[Client], paths: &[String]) -> Vec<Seen> {
    loop {
        let position = head(&readers[0]).await;
        let mut looks = JoinSet::new();
        for (reader, client) in readers.iter().cloned().enumerate() {
            let paths = paths.to_vec();
            looks.spawn(async move {
                let mut seen = Vec::new();
                for path in paths {
                    let answer = client.get(&path).await;
                    let has_more = answer.header("X-Has-More").to_owned();
                    let status = answer.status;
                    let body = if status == 200 { told(answer.body) } else { Value::Null };
                    seen.push(Seen { position, reader, path, status, body, has_more });
                }
                seen
            });
        }
        let seen: Vec<Seen> = looks.join_all().await.into_iter().flatten().collect();
        // What follows from an event may have followed meanwhile.
        if head(&readers[0]).await == position {
            return seen;
        }
    }
}

/// What happens, one thing after another: as whom, to which of the tasks, and what.
fn deeds() -> Vec<(usize, usize, &'static str, Value)> {
    let lease = json!({ "lease_seconds": 300 });
    vec![
        (1, 0, "PATCH", json!({ "priority": 1, "labels": ["css"], "due_date": "2026-12-01" })),
        (1, 0, "POST /comments", json!({ "content": "first" })),
        (1, 0, "PATCH /context", json!({ "found": { "a": 1 }, "todo": [1] })),
        (1, 0, "POST /delegate", json!({ "content": "a child" })),
        (1, 0, "POST /subtasks", json!({ "content": "a step" })),
        (1, 0, "PATCH /context", json!({ "found": { "b": 2 } })),
        (1, 0, "POST /context/supersede", json!({ "key": "found" })),
        (2, 1, "POST /claim", lease),
        (2, 1, "POST /state", json!({ "state": "working", "detail": "at it" })),
        (2, 1, "PATCH", json!({ "content": "mended", "description": "at last" })),
        (2, 1, "POST /release", json!({ "handoff": "yours" })),
        (0, 1, "POST /links", json!({ "kind": "url", "ref": "https://example.com/x" })),
        (0, 1, "POST /complete", json!({ "metadata": { "result": "mended" } })),
        (1, 0, "POST /complete", json!({})),
        (1, 0, "POST /uncomplete", json!({})),
        (0, 0, "PATCH /context", json!({ "found": "otherwise" })),
        (0, 1, "DELETE", json!(null)),
    ]
}

async fn act(client: &Client, task: &str, what: &str, body: Value) -> Answer {
    let (method, part) = what.split_once(' ').unwrap_or((what, ""));
    let path = format!("/v1/tasks/{task}{part}");
    match method {
        "PATCH" => client.patch(&path, body).await,
        "DELETE" => client.delete(&path).await,
        _ => client.post(&path, body).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_read_is_as_it_was() {
    let world = World::new().await;
    let (writer, worker) = (world.agent("writer").await, world.agent("worker").await);
    let readers = [world.project(), writer.client.clone(), worker.client.clone()];
    let one = writer.task_id("one").await;
    let body = json!({ "content": "two, to be mended", "assigned_to": worker.name });
    let two = text(&writer.client.post("/v1/tasks", body).await.expect(201), "id");
    let tasks = [one, two];
    let agents = [&writer, &worker];
    let mut seen = look(&readers, &paths(&tasks, &agents)).await;
    for (at, (who, which, what, body)) in deeds().into_iter().enumerate() {
        let done = act(&readers[who], &tasks[which], what, body).await;
        assert!(done.status < 300, "{what}: {}", done.text);
        // Two of three moments are enough: each look is some hundred requests.
        if at % 3 != 1 {
            seen.extend(look(&readers, &paths(&tasks, &agents)).await);
        }
    }
    let renamed = json!({ "name": "somebody-else", "display_name": "Else" });
    readers[0].patch(&format!("/v1/agents/{}", worker.id), renamed).await.expect(200);
    seen.extend(look(&readers, &paths(&tasks, &agents)).await);
    // The last answers are about the present: everything else is about what is no more.
    let mut askers = JoinSet::new();
    for (reader, client) in readers.iter().cloned().enumerate() {
        let (own, others) = seen.into_iter().partition(|seen| seen.reader == reader);
        seen = others;
        askers.spawn(assert_seen(client, own));
    }
    askers.join_all().await;
    assert_times(&readers[0], &tasks[0]).await;
}

/// The same answers, each as of its position.
async fn assert_seen(client: Client, seen: Vec<Seen>) {
    for Seen { position, path, status, body, has_more, .. } in seen {
        let then = client.get(&as_of(&path, &position.to_string())).await;
        assert_eq!(then.status, status, "{path} as of {position}: {}", then.text);
        if status == 200 {
            assert_eq!(then.header("Baton-Position"), position.to_string(), "{path}");
            assert_eq!(then.header("X-Has-More"), has_more, "{path} as of {position}");
            assert_eq!(told(then.body), body, "{path} as of {position}");
        }
    }
}

/// The time of an event is the same moment as its position, unless others share it; and a chain is
/// what the list shows of it, also in the middle of what was appended at once.
async fn assert_times(admin: &Client, root: &str) {
    let all = "/v1/tasks?include_completed=true";
    let times = times(admin).await;
    for (position, time) in &times {
        let (last, _) = times.iter().rfind(|(_, other)| other == time).expect("itself");
        let by_time = admin.get(&as_of(all, time)).await;
        assert_eq!(by_time.header("Baton-Position"), last.to_string(), "{time}");
        let by_position = admin.get(&as_of(all, &last.to_string())).await.expect(200);
        assert_eq!(by_time.expect(200), by_position, "{time}");
        let listed = admin.get(&as_of(all, &position.to_string())).await.expect(200);
        let listed = listed.as_array().expect("a list").clone();
        let is_of_chain = |task: &&Value| task["root_task_id"] == json!(root);
        let expected = listed.iter().filter(is_of_chain).count();
        let chain = as_of(&format!("/v1/tasks/{root}/chain"), &position.to_string());
        let chain = admin.get(&chain).await;
        match expected {
            0 => assert_eq!(chain.status, 404, "{position}: {}", chain.text),
            tasks => assert_eq!(chain.expect(200)["total_count"], json!(tasks), "{position}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_are_those_of_today_and_the_names_those_of_then() {
    let world = World::new().await;
    let admin = world.project();
    let (writer, other) = (world.agent("writer").await, world.agent("other").await);
    let task = writer.task_id("private").await;
    let path = format!("/v1/tasks/{task}");
    let alone = head(&admin).await;
    // Given to another: it may read it now, and what it was like since, not what it was before.
    let body = json!({ "agent_id": other.id });
    writer.client.post(&format!("{path}/delegate"), body).await.expect(200);
    let given = head(&admin).await;
    other.client.get(&path).await.expect(200);
    other.client.get(&as_of(&path, &given.to_string())).await.expect(200);
    problem(&other.client.get(&as_of(&path, &alone.to_string())).await, 404);
    let listed = other.client.get(&as_of("/v1/tasks", &alone.to_string())).await.expect(200);
    assert_eq!(ids(&listed), [""; 0]);
    // Who reads all tasks today reads all that they were, and no longer than that.
    let of_other = format!("/v1/agents/{}", other.id);
    admin.patch(&of_other, json!({ "role": "coordinator" })).await.expect(200);
    other.client.get(&as_of(&path, &alone.to_string())).await.expect(200);
    let listed = other.client.get(&as_of("/v1/agents", &alone.to_string())).await.expect(200);
    assert_eq!(ids(&listed).len(), 2);
    admin.patch(&of_other, json!({ "role": "worker" })).await.expect(200);
    problem(&other.client.get(&as_of(&path, &alone.to_string())).await, 404);
    problem(&other.client.get(&as_of("/v1/agents", &alone.to_string())).await, 403);
    // Names are those of the moment, in what is shown and in what is asked for.
    admin.patch(&of_other, json!({ "name": "new-name" })).await.expect(200);
    let at = given.to_string();
    let then = admin.get(&as_of(&path, &at)).await.expect(200);
    assert_eq!(then["assigned_to"], json!(other.name));
    let chain = admin.get(&as_of(&format!("{path}/chain"), &at)).await.expect(200);
    assert_eq!(chain["chain"][0]["to"], json!(other.name));
    for (name, found) in [(other.name.as_str(), 1), ("new-name", 0)] {
        let list = as_of(&format!("/v1/tasks?assigned_to={name}"), &at);
        assert_eq!(ids(&admin.get(&list).await.expect(200)).len(), found, "{name}");
    }
    let agent = admin.get(&as_of(&format!("/v1/agents/{}", other.name), &at)).await.expect(200);
    assert_eq!((&agent["name"], &agent["role"]), (&json!(other.name), &json!("worker")));
    assert_eq!(agent["last_seen_at"], json!(null));
    problem(&admin.get(&as_of("/v1/agents/new-name", &at)).await, 404);
    // What was deleted is there as long as it was.
    writer.client.delete(&path).await.expect(200);
    problem(&admin.get(&path).await, 404);
    admin.get(&as_of(&path, &at)).await.expect(200);
    let gone = head(&admin).await.to_string();
    problem(&admin.get(&as_of(&path, &gone)).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_moment_is_refused_and_other_accounts_have_none() {
    let world = World::new().await;
    let admin = world.project();
    let task = text(&admin.post("/v1/tasks", json!({ "content": "c" })).await.expect(201), "id");
    let before = head(&admin).await;
    let elsewhere = world.another_account("elsewhere").await;
    elsewhere.post("/v1/tasks", json!({ "content": "d" })).await.expect(201);
    admin.post("/v1/tasks", json!({ "content": "e" })).await.expect(201);
    let paths = [
        "/v1/tasks".to_owned(),
        "/v1/stats".to_owned(),
        "/v1/agents".to_owned(),
        "/v1/agents/nobody".to_owned(),
        format!("/v1/tasks/{task}"),
        format!("/v1/tasks/{task}/chain"),
        format!("/v1/tasks/{task}/children"),
        format!("/v1/tasks/{task}/context"),
        format!("/v1/tasks/{task}/context/history"),
        format!("/v1/tasks/{task}/comments"),
        format!("/v1/tasks/{task}/subtasks"),
        format!("/v1/tasks/{task}/links"),
    ];
    let wrong = [
        "0",
        "-1",
        "1.5",
        "yesterday",
        "2026-03-17",
        "2026-03-17T10:00:00",
        "9007199254740993",
        "99999999999999999999",
        "2999-01-01T00:00:00Z",
        "1999-01-01T00:00:00Z",
    ];
    for path in &paths {
        for moment in wrong {
            wrong_field(&admin.get(&as_of(path, moment)).await, "as_of");
        }
    }
    // An account is not older than its first event.
    wrong_field(&elsewhere.get(&as_of("/v1/tasks", &before.to_string())).await, "as_of");
    let now = head(&admin).await.to_string();
    problem(&elsewhere.get(&as_of(&format!("/v1/tasks/{task}"), &now)).await, 404);
    let listed = elsewhere.get(&as_of("/v1/tasks", &now)).await.expect(200);
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    // Nobody asks, nobody is answered.
    problem(&world.nobody().get(&as_of("/v1/tasks", "yesterday")).await, 401);
    // An empty parameter counts as left out.
    let present = admin.get("/v1/tasks?as_of=").await;
    assert_eq!(present.header("Baton-Position"), "");
    assert_eq!(ids(&present.expect(200)).len(), 2);
}
