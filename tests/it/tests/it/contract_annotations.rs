//! What hangs on a task: comments, subtasks and links (protocol 1.6, 2.2, 4.1).

use baton_harness::client::Client;
use baton_harness::receiver::Receiver;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::world::{
    Agent, LIMIT, World, assert_has, assert_timestamp, fresh, ids, problem, text, wrong_field,
};

/// An id that nothing has.
const UNKNOWN: &str = "0198f000-0000-7000-8000-0000000000ff";

/// A worker that reads every task, with or without the permission to comment on them.
async fn onlooker(world: &World, permissions: &[&str]) -> Agent {
    world.agent_with("onlooker", json!({ "permissions": permissions })).await
}

async fn new_task(agent: &Agent) -> String {
    format!("/v1/tasks/{}", agent.task_id("annotated").await)
}

async fn add(client: &Client, list: &str, body: Value) -> Value {
    client.post(list, body).await.expect(201)
}

/// The contents of a list, in its order.
async fn contents(client: &Client, list: &str) -> Vec<String> {
    let list = client.get(list).await.expect(200);
    list.as_array().expect("an array").iter().map(|item| text(item, "content")).collect()
}

#[tokio::test]
async fn a_comment_says_who_wrote_it() {
    let world = World::shared().await;
    let named = world.agent_with("named", json!({ "display_name": "Named Agent" })).await;
    let plain = world.agent("plain").await;
    let path = new_task(&named).await;
    named.client.patch(&path, json!({ "assigned_to": plain.name })).await.expect(200);
    let list = format!("{path}/comments");
    let written = add(&named.client, &list, json!({ "content": "one" })).await;
    assert_has(
        &written,
        json!({
            "task_id": path.rsplit('/').next(), "content": "one", "author": "Named Agent",
            "author_agent_id": named.id,
        }),
    );
    assert_timestamp(&written["created_at"]);
    let members: Vec<&String> = written.as_object().expect("an object").keys().collect();
    assert_eq!(members.len(), 6, "{members:?}");
    let by_name = add(&plain.client, &list, json!({ "content": "two", "author": null })).await;
    assert_eq!(by_name["author"], json!(plain.name));
    let body = json!({ "content": "three", "author": "Maria" });
    let in_words = add(&plain.client, &list, body).await;
    assert_has(&in_words, json!({ "author": "Maria", "author_agent_id": plain.id }));
    let by_token = add(&world.project(), &list, json!({ "content": "four" })).await;
    assert_has(&by_token, json!({ "author": null, "author_agent_id": null }));

    let all = json!([written, by_name, in_words, by_token]);
    assert_eq!(plain.client.get(&list).await.expect(200), all);
    assert_eq!(plain.client.get(&path).await.expect(200)["comments"], all);
    // Beside the task: in no list, and no change of it.
    let listed = plain.client.get("/v1/tasks?assigned_to=me").await.expect(200);
    assert_eq!(listed[0].get("comments"), None);
}

#[tokio::test]
async fn comments_are_for_writers_and_for_those_who_may_comment_everywhere() {
    let world = World::shared().await;
    let owner = world.agent("owner").await;
    let path = new_task(&owner).await;
    let list = format!("{path}/comments");
    let body = || json!({ "content": "well" });
    // Another agent's claim is in nobody's way.
    let holder = world.agent("holder").await;
    holder.client.post(&format!("{path}/claim"), json!({})).await.expect(200);
    add(&owner.client, &list, body()).await;
    let commenter = onlooker(world, &["tasks.read_all", "tasks.comment_all"]).await;
    let comment = add(&commenter.client, &list, body()).await;
    let links = format!("{path}/links");
    let link = add(&commenter.client, &links, json!({ "kind": "pr", "ref": "41" })).await;
    for (permissions, status) in
        [(&["tasks.read_all"][..], 403), (&["tasks.comment_all"], 404), (&[], 404)]
    {
        let other = onlooker(world, permissions).await;
        for (list, body) in [(&list, body()), (&links, json!({ "kind": "pr", "ref": "42" }))] {
            let refused = other.client.post(list, body).await;
            let problem = problem(&refused, status);
            let is_told = text(problem, "detail").contains("/tasks/:id/claim");
            assert_eq!(is_told, status == 403, "{problem}");
        }
        // Reading is R.
        let read = if status == 403 { 200 } else { 404 };
        for list in ["comments", "subtasks", "links"] {
            assert_eq!(other.client.get(&format!("{path}/{list}")).await.status, read);
        }
    }
    // Taking back what one has written is for those who write the task, as are subtasks.
    for (list, one) in [(&list, &comment), (&links, &link)] {
        let one = format!("{list}/{}", text(one, "id"));
        problem(&commenter.client.delete(&one).await, 403);
        assert_eq!(owner.client.delete(&one).await.expect(200), json!({ "ok": true }));
        problem(&owner.client.delete(&one).await, 404);
    }
    problem(&commenter.client.post(&format!("{path}/subtasks"), body()).await, 403);
}

#[tokio::test]
async fn comments_and_links_change_no_revision_and_subtasks_do() {
    let world = World::shared().await;
    let agent = world.agent("reviser").await;
    let path = new_task(&agent).await;
    let before = agent.client.get(&path).await.expect(200);
    let kept = json!({ "revision": 1, "updated_at": before["updated_at"] });
    for (list, body) in [
        ("comments", json!({ "content": "c" })),
        ("links", json!({ "kind": "commit", "ref": "4be6b0f" })),
    ] {
        let list = format!("{path}/{list}");
        let made = add(&agent.client, &list, body).await;
        assert_has(&agent.client.get(&path).await.expect(200), kept.clone());
        let one = format!("{list}/{}", text(&made, "id"));
        agent.client.delete(&one).await.expect(200);
        assert_has(&agent.client.get(&path).await.expect(200), kept.clone());
    }
    add(&agent.client, &format!("{path}/subtasks"), json!({ "content": "s" })).await;
    assert_eq!(agent.client.get(&path).await.expect(200)["revision"], 2);
    // So a fence holds whatever others say meanwhile, and not whatever they do.
    add(&agent.client, &format!("{path}/comments"), json!({ "content": "c" })).await;
    let complete = format!("{path}/complete");
    problem(&agent.client.post(&complete, json!({ "expected_revision": 1 })).await, 409);
    agent.client.post(&complete, json!({ "expected_revision": 2 })).await.expect(200);
}

#[tokio::test]
async fn subtasks_are_a_list_in_order_and_part_of_the_task() {
    let world = World::shared().await;
    let agent = world.agent("lister").await;
    let path = new_task(&agent).await;
    let list = format!("{path}/subtasks");
    let mut made = Vec::new();
    for content in ["one", "two", "three"] {
        // The place that a body names is not heard.
        let body = json!({ "content": content, "sort_order": 7, "completed": content == "two" });
        made.push(add(&agent.client, &list, body).await);
    }
    let members = |one: &Value| (one["sort_order"].clone(), one["completed"].clone());
    let shown: Vec<_> = made.iter().map(members).collect();
    let expected = [(0, false), (1, true), (2, false)].map(|(at, done)| (json!(at), json!(done)));
    assert_eq!(shown, expected);
    assert_timestamp(&made[0]["created_at"]);
    assert_eq!(made[0].as_object().map(serde_json::Map::len), Some(6), "{}", made[0]);

    let one = format!("{list}/{}", text(&made[0], "id"));
    let moved = agent.client.patch(&one, json!({ "sort_order": 5 })).await.expect(200);
    assert_has(&moved, json!({ "content": "one", "completed": false, "sort_order": 5 }));
    assert_eq!(contents(&agent.client, &list).await, ["two", "three", "one"]);
    let put = agent.client.put(&one, json!({ "content": "last", "completed": true })).await;
    assert_has(&put.expect(200), json!({ "content": "last", "completed": true, "sort_order": 5 }));
    for completed in [false, true] {
        let toggled = agent.client.post(&format!("{one}/toggle"), json!({})).await.expect(200);
        assert_eq!(toggled["completed"], json!(completed));
    }
    // A value that it has already is no change.
    let before = agent.client.get(&path).await.expect(200);
    agent.client.patch(&one, json!({ "content": "last", "sort_order": 5 })).await.expect(200);
    assert_eq!(agent.client.get(&path).await.expect(200), before);
    let subtasks = agent.client.get(&list).await.expect(200);
    assert_eq!(before["subtasks"], subtasks);
    let tasks = agent.client.get("/v1/tasks?created_by=me").await.expect(200);
    assert_eq!(tasks[0]["subtasks"], subtasks);

    agent.client.delete(&one).await.expect(200);
    assert_eq!(contents(&agent.client, &list).await, ["two", "three"]);
    // The next one's place is their number, whatever places there are.
    let next = add(&agent.client, &list, json!({ "content": "next" })).await;
    assert_eq!(next["sort_order"], 2);
}

#[tokio::test]
async fn an_equal_link_is_answered_with_the_one_there_is() {
    let world = World::shared().await;
    let agent = world.agent("linker").await;
    let path = new_task(&agent).await;
    let list = format!("{path}/links");
    let body =
        json!({ "kind": "pr", "ref": "41", "repo": "acme/site", "url": "https://x.example" });
    let made = add(&agent.client, &list, body.clone()).await;
    assert_has(&made, body);
    assert_has(&made, json!({ "created_by_agent_id": agent.id }));
    assert_timestamp(&made["created_at"]);
    assert_eq!(made.as_object().map(serde_json::Map::len), Some(8), "{made}");
    // Whoever adds it, wherever it is said to be.
    let equal = json!({ "kind": "pr", "ref": "41", "repo": "acme/site" });
    let head = agent.client.get(&format!("{path}/events")).await.expect(200);
    let again = world.project().post(&list, equal.clone()).await.expect(200);
    assert_eq!(again, made);
    let after = agent.client.get(&format!("{path}/events")).await.expect(200);
    assert_eq!(after["items"], head["items"], "an event of what is no change");
    for other in [
        json!({ "kind": "pr", "ref": "41" }),
        json!({ "kind": "pr", "ref": "42", "repo": "acme/site" }),
        json!({ "kind": "branch", "ref": "41", "repo": "acme/site" }),
        json!({ "kind": "url", "ref": "https://x.example/report" }),
    ] {
        add(&agent.client, &list, other).await;
    }
    let links = agent.client.get(&list).await.expect(200);
    assert_eq!(links[0], made);
    assert_eq!(links.as_array().map(Vec::len), Some(5));
    assert_eq!(agent.client.get(&path).await.expect(200)["links"], links);
    // Once it is gone an equal one is a new one.
    agent.client.delete(&format!("{list}/{}", text(&made, "id"))).await.expect(200);
    assert_ne!(add(&agent.client, &list, equal).await["id"], made["id"]);
}

#[tokio::test]
async fn what_is_not_there_is_404_and_what_is_wrong_is_named() {
    let world = World::shared().await;
    let agent = world.agent("wrong").await;
    let (path, other) = (new_task(&agent).await, new_task(&agent).await);
    let client = &agent.client;
    let mut elsewhere = Vec::new();
    for (list, body) in [
        ("comments", json!({ "content": "c" })),
        ("subtasks", json!({ "content": "s" })),
        ("links", json!({ "kind": "pr", "ref": "41" })),
    ] {
        elsewhere.push(text(&add(client, &format!("{other}/{list}"), body).await, "id"));
    }
    for (list, theirs) in ["comments", "subtasks", "links"].into_iter().zip(&elsewhere) {
        let what = ["Comment", "Subtask", "Link"].into_iter().zip(&elsewhere);
        let what = what.into_iter().find(|(_, id)| *id == theirs).expect("one of them").0;
        for id in [UNKNOWN, "nothing", theirs] {
            let one = format!("{path}/{list}/{id}");
            let refused = client.delete(&one).await;
            assert_eq!(problem(&refused, 404)["detail"], format!("{what} not found"), "{one}");
            if list == "subtasks" {
                problem(&client.patch(&one, json!({ "completed": true })).await, 404);
                problem(&client.put(&one, json!({})).await, 404);
                problem(&client.post(&format!("{one}/toggle"), json!({})).await, 404);
            }
        }
        problem(&client.get(&format!("/v1/tasks/{UNKNOWN}/{list}")).await, 404);
    }
    let long = |chars: usize| "\u{1F680}".repeat(chars);
    for (list, body, field) in [
        ("comments", json!({}), "content"),
        ("comments", json!({ "content": " \n" }), "content"),
        ("comments", json!({ "content": long(5_001) }), "content"),
        ("comments", json!({ "content": "c", "author": long(101) }), "author"),
        ("comments", json!({ "content": "c", "author": "" }), "author"),
        ("subtasks", json!({ "completed": true }), "content"),
        ("subtasks", json!({ "content": long(2_001) }), "content"),
        ("subtasks", json!({ "content": "c", "completed": "yes" }), "completed"),
        ("links", json!({ "kind": "issue", "ref": "41" }), "kind"),
        ("links", json!({ "ref": "41" }), "kind"),
        ("links", json!({ "kind": "pr" }), "ref"),
        ("links", json!({ "kind": "pr", "ref": "41", "repo": "site" }), "repo"),
        ("links", json!({ "kind": "pr", "ref": long(2_001) }), "ref"),
    ] {
        wrong_field(&client.post(&format!("{path}/{list}"), body).await, field);
    }
    let one = format!("{other}/subtasks/{}", elsewhere[1]);
    for (body, field) in [
        (json!({ "content": null }), "content"),
        (json!({ "content": "" }), "content"),
        (json!({ "completed": null }), "completed"),
        (json!({ "sort_order": "first" }), "sort_order"),
        (json!({ "sort_order": 1_000_000_001 }), "sort_order"),
    ] {
        wrong_field(&client.patch(&one, body).await, field);
    }
    let fits = json!({ "content": long(5_000), "author": long(100) });
    add(client, &format!("{path}/comments"), fits).await;
    assert_eq!(client.get(&path).await.expect(200)["links"], json!([]));
}

#[tokio::test]
async fn lists_are_bounded() {
    let world = World::shared().await;
    let agent = world.agent("many").await;
    let path = new_task(&agent).await;
    for (list, max) in [("subtasks", 200), ("links", 200), ("comments", 1_000)] {
        let list = format!("{path}/{list}");
        let body =
            |n: usize| json!({ "content": n.to_string(), "kind": "pr", "ref": n.to_string() });
        for chunk in (0..max).collect::<Vec<_>>().chunks(4) {
            let added = chunk.iter().map(|n| agent.client.post(&list, body(*n)));
            for answer in join_all(added).await {
                answer.expect(201);
            }
        }
        let field = list.rsplit('/').next().expect("a name");
        wrong_field(&agent.client.post(&list, body(max)).await, field);
        let all = agent.client.get(&list).await.expect(200);
        assert_eq!(all.as_array().map(Vec::len), Some(max));
        agent.client.delete(&format!("{list}/{}", ids(&all)[7])).await.expect(200);
        add(&agent.client, &list, body(max)).await;
    }
    let detail = agent.client.get(&path).await.expect(200);
    assert_eq!(detail["comments"].as_array().map(Vec::len), Some(1_000));
}

#[tokio::test]
async fn a_repeated_request_is_answered_as_the_first_one() {
    let world = World::shared().await;
    let agent = world.agent_with("repeater", json!({ "display_name": "Before" })).await;
    let path = new_task(&agent).await;
    let (comments, links) = (format!("{path}/comments"), format!("{path}/links"));
    let comment = json!({ "content": "once" });
    let link = json!({ "kind": "pr", "ref": "41", "repo": "acme/site" });
    let subtask = json!({ "content": "once" });
    let key = || fresh("key");
    let (first, second, third, fourth) = (key(), key(), key(), key());
    let client = &agent.client;
    let written = client.post_once(&comments, &first, comment.clone()).await.expect(201);
    let linked = client.post_once(&links, &second, link.clone()).await.expect(201);
    let found = client.post_once(&links, &third, link.clone()).await.expect(200);
    let subtasks = format!("{path}/subtasks");
    let added = client.post_once(&subtasks, &fourth, subtask.clone()).await.expect(201);
    let toggle = format!("{subtasks}/{}/toggle", text(&added, "id"));
    let fifth = key();
    let toggled = client.post_once(&toggle, &fifth, json!({})).await.expect(200);
    // Whatever has happened since.
    client.post(&comments, json!({ "content": "later" })).await.expect(201);
    client.patch(&format!("/v1/agents/{}", agent.id), json!({ "display_name": "After" })).await;
    client.delete(&format!("{links}/{}", text(&linked, "id"))).await.expect(200);
    client.delete(&format!("{subtasks}/{}", text(&added, "id"))).await.expect(200);
    for (path, key, body, status, answer) in [
        (&comments, &first, comment, 201, written),
        (&links, &second, link.clone(), 201, linked),
        (&links, &third, link, 200, found),
        (&subtasks, &fourth, subtask, 201, added),
        (&toggle, &fifth, json!({}), 200, toggled),
    ] {
        let again = client.post_once(path, key, body).await;
        assert_eq!(again.header("Idempotency-Replayed"), "true", "{path}");
        assert_eq!(again.expect(status), answer, "{path}");
    }
    assert_eq!(contents(client, &comments).await, ["once", "later"]);
}

#[tokio::test]
async fn webhooks_and_followers_hear_of_comments_and_links() {
    let world = World::new().await;
    let agent = world.agent("teller").await;
    let receiver = Receiver::start().await;
    let hook = json!({ "url": receiver.url(), "events": ["*"] });
    world.project().post("/v1/webhooks", hook).await.expect(201);
    let path = new_task(&agent).await;
    let mut made = Vec::new();
    for (list, body) in [
        ("comments", json!({ "content": "heard" })),
        ("subtasks", json!({ "content": "not heard" })),
        ("links", json!({ "kind": "branch", "ref": "fix/pricing" })),
    ] {
        let list = format!("{path}/{list}");
        let one = add(&agent.client, &list, body).await;
        agent.client.delete(&format!("{list}/{}", text(&one, "id"))).await.expect(200);
        made.push(one);
    }
    agent.client.post(&format!("{path}/complete"), json!({})).await.expect(200);
    let requests = receiver.wait_for(LIMIT, |requests| requests.len() >= 4).await;
    let bodies: Vec<Value> = requests.iter().map(|request| request.json()).collect();
    let events: Vec<&str> = bodies.iter().filter_map(|body| body["event"].as_str()).collect();
    assert_eq!(events, ["task.created", "task.commented", "task.linked", "task.completed"]);
    assert_eq!(bodies[1]["comment"], made[0]);
    assert_eq!(bodies[2]["link"], made[2]);
    for body in &bodies {
        let is_own = |member: &str| body["event"] == format!("task.{member}ed");
        assert_eq!(body.get("comment").is_some(), is_own("comment"), "{body}");
        assert_eq!(body.get("link").is_some(), is_own("link"), "{body}");
        for beside in ["comments", "links", "subtasks"] {
            assert_eq!(body["task"].get(beside), None, "{beside}");
        }
        assert_eq!(body["agent"]["id"], json!(agent.id));
    }
    // What webhooks do not hear of is in the log all the same.
    let page = agent.client.get(&format!("{path}/events")).await.expect(200);
    let items = page["items"].as_array().expect("an array").iter();
    let shown: Vec<(&str, bool)> =
        items.map(|it| (it["type"].as_str().expect("a type"), it["internal"] == true)).collect();
    let expected = [
        ("task.created", false),
        ("task.commented", false),
        ("task.comment_deleted", true),
        ("task.subtask_added", true),
        ("task.subtask_deleted", true),
        ("task.linked", false),
        ("task.link_deleted", true),
        ("task.completed", false),
    ];
    assert_eq!(shown, expected);
    assert_eq!(page["items"][1]["data"]["event"]["comment"]["content"], "heard");
}

#[tokio::test]
async fn comments_survive_a_rebuild_and_go_with_their_task() {
    let world = World::new().await;
    let agent = world.agent("keeper").await;
    let (path, doomed) = (new_task(&agent).await, new_task(&agent).await);
    for path in [&path, &doomed] {
        let list = format!("{path}/comments");
        for content in ["one", "two", "three"] {
            add(&agent.client, &list, json!({ "content": content })).await;
        }
        let second = ids(&agent.client.get(&list).await.expect(200))[1].clone();
        agent.client.delete(&format!("{list}/{second}")).await.expect(200);
    }
    assert_eq!(agent.client.delete(&doomed).await.status, 200);
    problem(&agent.client.get(&format!("{doomed}/comments")).await, 404);
    let list = format!("{path}/comments");
    let before = agent.client.get(&list).await.expect(200);
    assert_eq!(contents(&agent.client, &list).await, ["one", "three"]);
    for arguments in [&["rebuild", "comments", "--check"][..], &["rebuild", "comments"]] {
        let done = world.baton.command(arguments).await;
        assert!(done.status.success(), "{arguments:?}: {done:?}");
    }
    assert_eq!(agent.client.get(&list).await.expect(200), before);
    let database = world.database.connect().await;
    let kept = database.query_one("select count(*) from read.comments", &[]).await;
    assert_eq!(kept.expect("a count").get::<_, i64>(0), 2);
    // Another node shows them too, and what is written there is read here.
    let node = world.another_node().await;
    let there = agent.client.at(&node);
    assert_eq!(there.get(&list).await.expect(200), before);
    let said = there.post(&list, json!({ "content": "four" })).await;
    let position = said.header("Baton-Position").to_owned();
    let request = agent.client.request(reqwest::Method::GET, &list);
    let request = request.header("Baton-Min-Position", position);
    let here = baton_harness::client::send(request).await.expect(200);
    assert_eq!(here.as_array().map(Vec::len), Some(3));
}
