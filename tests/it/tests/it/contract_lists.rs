//! `GET /tasks`: filters, order, windows (protocol 0.6, 0.7, 1.2).

use baton_harness::client::Answer;
use baton_harness::wait_until;
use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use crate::world::{Agent, LIMIT, World, assert_has, fresh, ids, problem, text, with, wrong_field};

/// A new task of the agent's with these fields: its id.
async fn add(agent: &Agent, fields: Value) -> String {
    let body = with(json!({ "content": "listed" }), fields);
    text(&agent.client.post("/v1/tasks", body).await.expect(201), "id")
}

/// Returns once the clock has passed the answered task's last change. Times have milliseconds, and
/// what changed within the same one is in order of priority.
async fn past(answer: Answer) {
    assert!([200, 201].contains(&answer.status), "{}", answer.text);
    let changed: Timestamp = text(&answer.body, "updated_at").parse().expect("a time");
    let next = changed.checked_add(1.millisecond()).expect("a time of ours");
    wait_until(LIMIT, "the next millisecond", async || Timestamp::now() >= next).await;
}

/// A new task of the agent's with these fields, older than whatever comes next: its id.
async fn add_alone(agent: &Agent, fields: Value) -> String {
    let body = with(json!({ "content": "listed" }), fields);
    let answer = agent.client.post("/v1/tasks", body).await;
    let id = text(&answer.body, "id");
    past(answer).await;
    id
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
    // Both names narrow each other down.
    let both = |other: &str| format!("assigned_to={}&assigned_to_agent_id={other}", agent.name);
    assert_eq!(list(&agent, &both(&agent.id)).await, [mine.as_str()]);
    assert_eq!(list(&agent, &both(&other.id)).await, [""; 0]);
    assert_eq!(list(&agent, &both("none")).await, [""; 0]);
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

fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// A day so many days from today, as it is sent.
fn day(today: Date, ahead: i64) -> String {
    today.checked_add(ahead.days()).expect("a day of our time").to_string()
}

/// Tasks by when they are due, counted from a day, with those that are finished.
struct Due {
    agent: Agent,
    today: Date,
    ids: Vec<(&'static str, String)>,
}

impl Due {
    async fn new(world: &World) -> Due {
        let (agent, today) = (world.agent("due").await, today());
        let mut ids = Vec::new();
        for (name, ahead, status) in [
            ("overdue", Some(-1), "open"),
            ("overdue, failed", Some(-2), "failed"),
            ("overdue, done", Some(-3), "done"),
            ("overdue, off", Some(-4), "cancelled"),
            ("today", Some(0), "open"),
            ("today, failed", Some(0), "failed"),
            ("tomorrow", Some(1), "open"),
            ("tomorrow, failed", Some(1), "failed"),
            ("tomorrow, done", Some(1), "done"),
            ("in a week", Some(7), "open"),
            ("in eight days", Some(8), "open"),
            ("some day", None, "open"),
        ] {
            let due = ahead.map(|ahead| day(today, ahead));
            let id = add(&agent, json!({ "content": name, "due_date": due })).await;
            if status != "open" {
                let path = format!("/v1/tasks/{id}");
                agent.client.patch(&path, json!({ "status": status })).await.expect(200);
            }
            ids.push((name, id));
        }
        Due { agent, today, ids }
    }

    async fn names(&self, query: &str) -> Vec<&'static str> {
        let found = list(&self.agent, query).await;
        let name = |id: &String| {
            let known = self.ids.iter().find(|(_, known)| known == id);
            known.unwrap_or_else(|| panic!("{id} is not one of these")).0
        };
        found.iter().map(name).collect()
    }
}

#[tokio::test]
async fn due_takes_words_and_days_and_narrows_with_the_rest() {
    let world = World::shared().await;
    let mut due = Due::new(world).await;
    loop {
        let (today, yesterday) = (due.today, day(due.today, -1));
        let (tomorrow, in_a_week) = (day(today, 1), day(today, 7));
        let usual = ["overdue", "overdue, failed", "today", "today, failed"];
        let mut shown = Vec::new();
        let questions = [
            ("due=today".to_owned(), vec!["overdue", "today"]),
            ("due=today&include_completed=true".to_owned(), vec!["overdue", "today"]),
            ("due=overdue".to_owned(), vec!["overdue"]),
            ("due=overdue&status=failed,open".to_owned(), vec!["overdue"]),
            ("due=overdue&status=done".to_owned(), vec![]),
            ("due=upcoming".to_owned(), vec!["tomorrow", "tomorrow, failed", "in a week"]),
            ("due=upcoming&status=done".to_owned(), vec!["tomorrow, done"]),
            (format!("due={today}"), vec!["today", "today, failed"]),
            (format!("due={tomorrow}&completed=true"), vec!["tomorrow, done"]),
            (format!("due_after={tomorrow}"), vec!["in a week", "in eight days"]),
            (format!("due_before={tomorrow}"), usual.to_vec()),
            (format!("due_after={yesterday}&due_before={tomorrow}"), usual[2..].to_vec()),
            (format!("due=upcoming&due_before={in_a_week}"), vec!["tomorrow", "tomorrow, failed"]),
            (format!("due=upcoming&due_after={tomorrow}"), vec!["in a week"]),
            (format!("due=upcoming&due_before={today}"), vec![]),
            (format!("due={today}&due_after={today}"), vec![]),
            ("due_after=9999-12-31".to_owned(), vec![]),
            ("due_before=0001-01-01".to_owned(), vec![]),
        ];
        for (query, expected) in questions {
            shown.push((due.names(&query).await, expected, query));
        }
        if due.today == self::today() {
            for (names, expected, query) in shown {
                assert_eq!(names, expected, "{query}");
            }
            break;
        }
        // It was midnight meanwhile: the days have moved.
        due = Due::new(world).await;
    }
}

#[tokio::test]
async fn lists_come_in_four_orders() {
    let world = World::shared().await;
    let agent = world.agent("sorter").await;
    let mut added = Vec::new();
    for (priority, due) in [
        (3, Some("2026-05-02")),
        (1, None),
        (2, Some("2026-05-02")),
        (2, Some("2026-05-01")),
        (2, None),
        (5, Some("2026-05-02")),
    ] {
        added.push(add_alone(&agent, json!({ "priority": priority, "due_date": due })).await);
    }
    for at in [3, 0, 5] {
        let path = format!("/v1/tasks/{}/complete", added[at]);
        past(agent.client.post(&path, json!({})).await).await;
    }
    let noted = format!("/v1/tasks/{}", added[1]);
    agent.client.patch(&noted, json!({ "notes": "n" })).await.expect(200);
    let project = world.project();
    for (sort, expected) in [
        ("", [1, 2, 3, 4, 0, 5]),
        ("priority", [1, 2, 3, 4, 0, 5]),
        ("updated", [1, 5, 0, 3, 4, 2]),
        ("due", [3, 2, 0, 5, 1, 4]),
        ("completed", [5, 0, 3, 1, 2, 4]),
    ] {
        let sort = if sort.is_empty() { String::new() } else { format!("&sort={sort}") };
        let expected = expected.map(|at| added[at].clone());
        let query = format!("include_completed=true{sort}");
        assert_eq!(list(&agent, &query).await, expected, "{query}");
        assert_eq!(list(&agent, &format!("{query}&limit=2&offset=3")).await, expected[3..5]);
        // Who reads everything sees the same order in another way.
        let by_all = format!("/v1/tasks?created_by={}&{query}", agent.id);
        assert_eq!(ids(&project.get(&by_all).await.expect(200)), expected, "{query}");
    }
}

#[tokio::test]
async fn those_who_read_everything_see_the_last_changes_first() {
    // Of its own: everybody's tasks are in these lists.
    let world = World::new().await;
    let (agent, project) = (world.agent("worker").await, world.project());
    let mut added = Vec::new();
    for priority in [5, 4, 3, 2, 1] {
        added.push(add_alone(&agent, json!({ "priority": priority, "content": "seen" })).await);
    }
    for at in [1, 0, 4] {
        let path = format!("/v1/tasks/{}/complete", added[at]);
        past(agent.client.post(&path, json!({})).await).await;
    }
    let moved = format!("/v1/tasks/{}", added[2]);
    agent.client.patch(&moved, json!({ "priority": 2 })).await.expect(200);
    agent.client.delete(&format!("/v1/tasks/{}", added[4])).await.expect(200);
    for (query, expected) in [
        ("sort=updated", vec![2, 3]),
        ("sort=updated&include_completed=true", vec![2, 0, 1, 3]),
        ("sort=updated&include_completed=true&limit=2&offset=1", vec![0, 1]),
        ("sort=updated&include_completed=true&search=seen&priority=2", vec![2, 3]),
        ("sort=completed&completed=true", vec![0, 1]),
        ("sort=completed&include_completed=true", vec![0, 1, 2, 3]),
        ("sort=due&include_completed=true", vec![2, 3, 1, 0]),
    ] {
        let found = ids(&project.get(&format!("/v1/tasks?{query}")).await.expect(200));
        let expected: Vec<String> = expected.into_iter().map(|at| added[at].clone()).collect();
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn a_page_object_counts_and_says_where_the_next_begins() {
    let world = World::shared().await;
    let agent = world.agent("pager").await;
    let mut all = Vec::new();
    for label in ["a", "b", "a", "a", "b"] {
        all.push(add_alone(&agent, json!({ "labels": [label] })).await);
    }
    for (query, shown, total, more) in [
        ("", vec![0, 1, 2, 3, 4], 5, None),
        ("&limit=2", vec![0, 1], 5, Some(2)),
        ("&limit=2&offset=2", vec![2, 3], 5, Some(4)),
        ("&limit=2&offset=4", vec![4], 5, None),
        ("&limit=5", vec![0, 1, 2, 3, 4], 5, None),
        ("&offset=9", vec![], 5, None),
        ("&label=a&limit=1&sort=updated", vec![3], 3, Some(1)),
        ("&tags=a,b&limit=4", vec![0, 1, 2, 3], 5, Some(4)),
        ("&assigned_to=nobody-of-this-name", vec![], 0, None),
        ("&due_after=9999-12-31", vec![], 0, None),
        ("&status=done", vec![], 0, None),
        ("&completed=true&status=open", vec![], 0, None),
    ] {
        let answer = agent.client.get(&format!("/v1/tasks?include=pagination{query}")).await;
        assert_eq!(answer.header("X-Has-More"), "", "{query}");
        let page = answer.expect(200);
        let shown: Vec<String> = shown.into_iter().map(|at: usize| all[at].clone()).collect();
        assert_eq!(ids(&page["items"]), shown, "{query}");
        let expected = json!({ "total": total, "has_more": more.is_some(), "next_offset": more });
        assert_has(&page, expected);
        let number = |name: &str, default: i64| {
            let given = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
            given.map_or(default, |text| text.parse().expect("a number"))
        };
        assert_has(&page, json!({ "limit": number("limit", 500), "offset": number("offset", 0) }));
        assert_eq!(page.as_object().expect("an object").len(), 6, "{page}");
    }
}

#[tokio::test]
async fn a_summary_leaves_out_what_may_be_long() {
    let world = World::shared().await;
    let agent = world.agent("brief").await;
    let body = json!({
        "description": "long", "context": { "a": 1 }, "metadata": { "b": 2 }, "labels": ["l"],
    });
    let id = add(&agent, body).await;
    let whole = agent.client.get("/v1/tasks").await.expect(200);
    let mut expected = whole[0].as_object().expect("a task").clone();
    assert_eq!(expected["id"], json!(id));
    for member in ["description", "context", "metadata", "subtasks", "project"] {
        assert!(expected.remove(member).is_some(), "{member} of {}", whole[0]);
    }
    let short = agent.client.get("/v1/tasks?view=summary").await.expect(200);
    assert_eq!(short[0], Value::Object(expected.clone()));
    let page = agent.client.get("/v1/tasks?view=summary&include=pagination").await.expect(200);
    assert_eq!(page["items"][0], Value::Object(expected));
}

#[tokio::test]
async fn unknown_words_are_422_and_the_known_ones_are_named() {
    let world = World::shared().await;
    let agent = world.agent("worded").await;
    // Nobody says a session state before there are claims, but it can be asked for.
    add(&agent, json!({})).await;
    for state in ["working", "waiting_input", "errored"] {
        assert_eq!(list(&agent, &format!("state={state}")).await, [""; 0], "{state}");
    }
    for (query, field, words) in [
        ("state=idle", "state", vec!["working", "waiting_input", "errored"]),
        ("sort=age", "sort", vec!["priority", "updated", "due", "completed"]),
        ("include=total", "include", vec!["pagination"]),
        ("include=pagination,total", "include", vec!["pagination"]),
        ("view=full", "view", vec!["summary"]),
        ("due=soon", "due", vec!["today", "upcoming", "overdue", "YYYY-MM-DD"]),
        ("due=2026-02-30", "due", vec!["date"]),
        ("due_after=today", "due_after", vec!["YYYY-MM-DD"]),
        ("due_before=1.5.2026", "due_before", vec!["YYYY-MM-DD"]),
        ("claimed=perhaps", "claimed", vec!["true", "false"]),
    ] {
        let answer = agent.client.get(&format!("/v1/tasks?{query}")).await;
        wrong_field(&answer, field);
        for word in words {
            assert!(answer.text.contains(word), "{query}: {word} of {}", answer.text);
        }
    }
    // An empty value counts as none given.
    let path = "/v1/tasks?state=&sort=&include=&view=&due=&due_after=&due_before=";
    assert_eq!(agent.client.get(path).await.expect(200).as_array().map(Vec::len), Some(1));
}
