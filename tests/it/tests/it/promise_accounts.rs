//! P11: nothing of one account is visible to, or changeable by, another.
//!
//! What can name a thing is taken from the document that the server gives, so that no operation is
//! forgotten: a parameter, header or field that the lists below do not know fails the test.

use std::collections::BTreeSet;

use baton_harness::client::{Answer, Client, Credential, send};
use baton_harness::receiver::{Received, Receiver};
use baton_harness::{wait_for, wait_until};
use serde_json::{Value, json};

use crate::document::{Operation, Parameter};
use crate::record;
use crate::sse::Sse;
use crate::world::{LIMIT, World, assert_has, ids, problem, text, with};

/// Every row of every table that belongs to an account, as text. When agents were seen is written
/// down a second later; the account's own list of agents has it at once.
const ROWS: &str = "select table_name::text, query_to_xml(format( \
     'select t::text from %I.%I as t where account_id = %L order by 1', \
     table_schema, table_name, $1::text), false, false, '')::text \
     from information_schema.columns \
     where column_name = 'account_id' and table_name <> 'agent_sightings' order by 1";

/// Whose tables must be among them.
const TABLES: [&str; 8] = [
    "events",
    "idempotency_keys",
    "tasks",
    "comments",
    "context_entries",
    "recurrences",
    "webhooks",
    "webhook_deliveries",
];

/// An account with one of everything.
struct Account {
    name: &'static str,
    admin: Client,
    agent: Client,
    agent_id: String,
    task: String,
    child: String,
    project: String,
    comment: String,
    subtask: String,
    link: String,
    recurrence: String,
    webhook: String,
    delivery: String,
    event: String,
    receiver: Receiver,
}

/// Events of an account as it is filled: created; created, delegated; updated, commented, linked.
const FILLED_EVENTS: usize = 6;

impl Account {
    /// Names are the same in every account.
    async fn fill(name: &'static str, admin: Client) -> Account {
        let made = admin.post("/v1/agents", json!({ "name": "agent" })).await.expect(201);
        let agent = admin.with(Credential::AgentKey(text(&made, "api_key")));
        let receiver = Receiver::start().await;
        let body = json!({ "url": receiver.url(), "events": ["*"] });
        let webhook = text(&admin.post("/v1/webhooks", body).await.expect(201), "id");
        let body = first_task(name);
        let task = text(&admin.post_once("/v1/tasks", "same-key", body).await.expect(201), "id");
        let delegate = format!("/v1/tasks/{task}/delegate");
        let child = agent.post(&delegate, json!({ "content": mark(name) })).await.expect(201);
        let body = json!({ "name": mark(name) });
        let project = text(&admin.post("/v1/projects", body).await.expect(201), "id");
        let path = format!("/v1/tasks/{task}");
        admin.patch(&path, json!({ "project_id": project })).await.expect(200);
        let content = json!({ "content": mark(name) });
        let link = json!({ "kind": "url", "ref": mark(name) });
        let add = async |list: &str, body: &Value| {
            let made = agent.post(&format!("{path}/{list}"), body.clone()).await;
            text(&made.expect(201), "id")
        };
        let comment = add("comments", &content).await;
        let subtask = add("subtasks", &content).await;
        let link = add("links", &link).await;
        let body = with(daily(), json!({ "content": mark(name), "assigned_to_agent_id": "agent" }));
        let recurrence = text(&admin.post("/v1/recurrences", body).await.expect(201), "id");
        let log = settled(&admin, &webhook, FILLED_EVENTS).await;
        let (agent_id, child) = (text(&made, "id"), text(&child, "id"));
        let delivery = text(&log[0], "id");
        let events = admin.get(&format!("{path}/events?limit=1")).await.expect(200);
        let event = text(&events["items"][0], "id");
        Account {
            name,
            admin,
            agent,
            agent_id,
            task,
            child,
            project,
            comment,
            subtask,
            link,
            recurrence,
            webhook,
            delivery,
            event,
            receiver,
        }
    }

    /// Everything that it can see of itself, and everything that is stored of it.
    async fn kept(&self, world: &World) -> Vec<String> {
        let mut kept = Vec::new();
        for path in [
            "/v1/tasks?include_completed=true".to_owned(),
            "/v1/agents".to_owned(),
            "/v1/webhooks".to_owned(),
            "/v1/projects".to_owned(),
            "/v1/recurrences".to_owned(),
            "/v1/stats".to_owned(),
            "/v1/fleet/attention".to_owned(),
            "/v1/usage".to_owned(),
            "/v1/events?limit=1000".to_owned(),
            format!("/v1/tasks/{}", self.task),
            format!("/v1/tasks/{}", self.child),
            format!("/v1/tasks/{}/chain", self.child),
            format!("/v1/tasks/{}/context?include=provenance", self.task),
            format!("/v1/tasks/{}/context/history", self.task),
            "/v1/context/search?q=mark".to_owned(),
            format!("/v1/webhooks/{}/deliveries", self.webhook),
        ] {
            let answer = self.admin.get(&path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            kept.push(format!("{path}: {}", answer.text));
        }
        self.is_signed_and_copied().await;
        let database = world.database.connect().await;
        let tables = database.query(ROWS, &[&self.name]).await.expect("tables");
        let tables: Vec<(String, String)> =
            tables.iter().map(|row| (row.get(0), row.get(1))).collect();
        for name in TABLES {
            let has_rows = tables.iter().any(|(table, rows)| table == name && !rows.is_empty());
            assert!(has_rows, "nothing of {} in {name}: {tables:?}", self.name);
        }
        kept.extend(tables.into_iter().map(|(table, rows)| format!("{table}: {rows}")));
        kept
    }

    /// The ledger follows by itself, and its copies follow it.
    async fn is_signed_and_copied(&self) {
        wait_until(LIMIT, "every event is signed, and the checkpoint copied", async || {
            let Answer { body, .. } = self.admin.get("/v1/ledger/checkpoint").await;
            let head = &body["head"]["size"];
            head.is_u64() && body["size"] == *head && body["anchored"]["size"] == *head
        })
        .await;
    }

    /// What nobody else may ever read.
    fn secrets(&self) -> Vec<String> {
        let ids = [&self.agent_id, &self.task, &self.child, &self.webhook, &self.delivery];
        let more = [&self.project, &self.comment, &self.subtask, &self.link, &self.event];
        let more = more.into_iter().chain([&self.recurrence]);
        ids.into_iter().chain(more).cloned().chain([mark(self.name)]).collect()
    }

    /// Asserts that an answer to somebody else says nothing of this account. A problem may repeat
    /// what was asked.
    #[track_caller]
    fn assert_hidden(&self, answer: &Answer, asked: &str) {
        for secret in self.secrets() {
            let is_repeated = answer.status >= 400 && asked.contains(&secret);
            assert!(is_repeated || !answer.text.contains(&secret), "{asked}: {}", answer.text);
        }
    }
}

/// Stands in all that the account writes.
fn mark(account: &str) -> String {
    format!("mark-of-{account}")
}

fn first_task(account: &str) -> Value {
    json!({
        "content": mark(account), "labels": ["shared", "@agent"], "assigned_to": "agent",
        "context": { "mark": mark(account) },
    })
}

/// A recurrence that is not due before long: what it does is nobody's doing here.
fn daily() -> Value {
    json!({ "content": "c", "rule_type": "daily", "next_due_at": "2099-01-01T00:00:00Z" })
}

/// The webhook's deliveries once there are so many, all taken: nothing of them will change.
async fn settled(admin: &Client, webhook: &str, count: usize) -> Vec<Value> {
    wait_for(LIMIT, "every delivery is taken", async || {
        let log = admin.get(&format!("/v1/webhooks/{webhook}/deliveries")).await.expect(200);
        let log = log.as_array().expect("an array").clone();
        (log.len() == count && log.iter().all(|one| one["success"] == true)).then_some(log)
    })
    .await
}

async fn two_accounts(world: &World) -> (Account, Account) {
    let other = world.another_account("other").await;
    let accounts =
        (Account::fill("default", world.project()).await, Account::fill("other", other).await);
    record::caught_up(world).await;
    accounts
}

/// The operation's path, about things of the account's own.
fn own(operation: &Operation, account: &Account) -> String {
    let id = match operation.path.split('/').nth(1) {
        Some("webhooks") => &account.webhook,
        Some("projects") => &account.project,
        Some("recurrences") => &account.recurrence,
        Some("events") => &account.event,
        _ => &account.child,
    };
    operation.at(&[
        ("id", id),
        ("comment_id", &account.comment),
        ("subtask_id", &account.subtask),
        ("link_id", &account.link),
        ("agent_id", &account.agent_id),
        ("delivery_id", &account.delivery),
        ("completion_id", &account.delivery),
    ])
}

/// A task, and things of the account that may hang on it.
fn of_task<'a>(task: &'a str, account: &'a Account) -> Vec<(&'a str, &'a str)> {
    vec![
        ("id", task),
        ("completion_id", &account.delivery),
        ("comment_id", &account.comment),
        ("subtask_id", &account.subtask),
        ("link_id", &account.link),
    ]
}

#[tokio::test]
async fn no_path_leads_into_another_account() {
    let world = World::new().await;
    let (ours, theirs) = two_accounts(&world).await;
    let before = ours.kept(&world).await;
    let body = json!({
        "content": "stolen", "status": "done", "agent_id": "agent", "active": true,
        "url": "https://thief.example/", "label": "stolen", "kind": "url", "ref": "stolen",
        "key": "mark", "state": "working",
    });
    let named = Operation::served(&world).await.into_iter().filter(|one| one.path.contains('{'));
    let mut asked = 0;
    for operation in named {
        let (our_webhook, their_webhook) = (&*ours.webhook, &*theirs.webhook);
        let targets = match operation.path.split('/').nth(1).expect("a resource") {
            "tasks" => {
                let hangs_on = ["{comment_id}", "{subtask_id}", "{link_id}"];
                let hangs = hangs_on.iter().any(|name| operation.path.contains(name));
                let own = hangs.then_some(&theirs.task);
                let tasks = [&ours.task, &ours.child].into_iter().chain(own);
                tasks.map(|task| of_task(task, &ours)).collect()
            }
            "projects" => vec![vec![("id", &*ours.project)]],
            "recurrences" => vec![vec![("id", &*ours.recurrence)]],
            "events" => vec![vec![("id", &*ours.event)]],
            "agents" => vec![vec![("agent_id", &*ours.agent_id)]],
            "webhooks" if operation.path.contains("{delivery_id}") => vec![
                vec![("id", their_webhook), ("delivery_id", &*ours.delivery)],
                vec![("id", our_webhook), ("delivery_id", &*ours.delivery)],
                vec![("id", our_webhook), ("delivery_id", &*theirs.delivery)],
            ],
            "webhooks" => vec![vec![("id", our_webhook)]],
            other => panic!("which id does {other} take? {}", operation.path),
        };
        for target in targets {
            let (method, path) = (&operation.method, operation.at(&target));
            let asking = format!("{method} {path}");
            let as_admin = theirs.admin.request(method.clone(), &path).json(&body);
            let answer = send(as_admin).await;
            // Who can hold no task is told so before it is asked which.
            let is_barred = HOLDING.contains(&&*operation.id);
            problem(&answer, if is_barred { 403 } else { 404 });
            ours.assert_hidden(&answer, &asking);
            let as_agent = theirs.agent.request(method.clone(), &path).json(&body);
            let answer = send(as_agent).await;
            assert!([403, 404].contains(&answer.status), "{asking}: {}", answer.text);
            ours.assert_hidden(&answer, &asking);
            asked += 1;
        }
    }
    assert!(asked >= 30, "{asked}");
    assert_eq!(ours.kept(&world).await, before);
}

/// What only agents do.
const HOLDING: [&str; 3] = ["claimTask", "heartbeatTask", "setTaskState"];

/// Parameters, headers and fields that name something of an account, with what they name.
const NAMING: [(&str, Named); 17] = [
    ("agent", Named::Agent),
    ("agent_id", Named::Agent),
    ("assigned_to", Named::Agent),
    ("assigned_to_agent_id", Named::Agent),
    ("created_by", Named::Agent),
    ("parent_task_id", Named::Task),
    ("task", Named::Task),
    ("depends_on", Named::Tasks),
    ("task_ids", Named::Tasks),
    ("correlation_id", Named::Correlation),
    ("project_id", Named::Project),
    // There are none yet: what another account has, can only be guessed.
    ("epic_id", Named::Task),
    // A test of the ledger asks for another account's.
    ("event", Named::Otherwise),
    // These have tests of their own below.
    ("after", Named::Otherwise),
    ("from_position", Named::Otherwise),
    ("Idempotency-Key", Named::Otherwise),
    ("Last-Event-ID", Named::Otherwise),
];

/// Those that say something, and name nothing that another account could have.
const SAYING: &str = "Baton-Min-Position active anchor_day anchor_month anchor_weekday interval \
    next_due_at rule_type skip_if_open timezone claim_generation claimed completed content context \
    detail handoff lease_seconds \
    description display_name due due_after due_before due_date due_time error_message \
    estimated_tokens events evidence evidence_policy execution_id expected_revision include \
    include_completed is_admin is_recurring label labels limit max_retries metadata name note notes \
    offset ordering permissions priority reason recurring_interval recurring_string recurring_type \
    reminder_time requirements result_summary role root_task_id delegation_depth search secret \
    secret_overlap_seconds signature_scheme sort state status tags timeout title types until url \
    view wait workflow_slug author color emoji kind ref repo sort_order \
    X-Dedup-Check cursor expected_version include_superseded key key_limit key_offset keys q source \
    threshold from to format size as_of";

/// What a parameter or field names.
#[derive(Clone, Copy, PartialEq)]
enum Named {
    Agent,
    Task,
    Tasks,
    Project,
    Correlation,
    Otherwise,
}

fn named(operation: &Operation, name: &str) -> Option<Named> {
    if operation.path.contains(&format!("{{{name}}}")) || SAYING.split(' ').any(|it| it == name) {
        return None;
    }
    let found = NAMING.iter().find(|(it, _)| *it == name);
    let found = found.unwrap_or_else(|| {
        panic!("does {name} of {} name something? Say so in NAMING or SAYING", operation.id)
    });
    (found.1 != Named::Otherwise).then_some(found.1)
}

/// What it would be in the account.
async fn of(account: &Account, what: Named) -> Value {
    match what {
        Named::Agent => json!(account.agent_id),
        Named::Task => json!(account.task),
        Named::Tasks => json!([account.task]),
        Named::Project => json!(account.project),
        Named::Correlation => {
            let events = account.admin.get("/v1/events?limit=1").await.expect(200);
            events["items"][0]["correlationid"].clone()
        }
        Named::Otherwise => Value::Null,
    }
}

#[tokio::test]
async fn no_field_refers_to_another_account() {
    let world = World::new().await;
    let (ours, theirs) = two_accounts(&world).await;
    let before = ours.kept(&world).await;
    let mut asked = BTreeSet::new();
    for operation in Operation::served(&world).await {
        let path = own(&operation, &theirs);
        for field in operation.fields.keys() {
            let Some(what) = named(&operation, field) else { continue };
            let reference = json!({ field.as_str(): of(&ours, what).await });
            if operation.id == "claimNextTask" {
                claims_nothing(&theirs, &ours, reference).await;
                asked.insert((operation.id.clone(), field.clone()));
                continue;
            }
            let bodies = match operation.id.as_str() {
                "createTask" => vec![with(json!({ "content": "c" }), reference)],
                "createRecurrence" => vec![with(daily(), reference)],
                "delegateTask"
                    if ["agent_id", "assigned_to", "assigned_to_agent_id"]
                        .contains(&field.as_str()) =>
                {
                    vec![reference.clone(), with(json!({ "content": "c" }), reference)]
                }
                // A child's parent is the task in the path, whatever the body says.
                "delegateTask" if field == "parent_task_id" => continue,
                "delegateTask" => vec![with(json!({ "content": "c" }), reference)],
                _ => vec![reference],
            };
            for body in bodies {
                let asking = format!("{} {path} {body}", operation.method);
                let request = theirs.admin.request(operation.method.clone(), &path).json(&body);
                let answer = send(request).await;
                assert_eq!(answer.status, 404, "{asking}: {}", answer.text);
                ours.assert_hidden(&answer, &asking);
                asked.insert((operation.id.clone(), field.clone()));
            }
        }
    }
    assert!(asked.len() >= 18, "{asked:?}");
    assert_eq!(ours.kept(&world).await, before);
}

/// What a claim asks for narrows down what waits in its own account.
async fn claims_nothing(theirs: &Account, ours: &Account, reference: Value) {
    let body = json!({ "name": "claimer", "role": "coordinator" });
    let made = theirs.admin.post("/v1/agents", body).await.expect(201);
    let claimer = theirs.admin.with(Credential::AgentKey(text(&made, "api_key")));
    let answer = claimer.post("/v1/tasks/claim", reference.clone()).await;
    assert_eq!((answer.status, &answer.body), (200, &json!({ "task": null })), "{reference}");
    ours.assert_hidden(&answer, &reference.to_string());
    // Their own waits.
    let answer = claimer.post("/v1/tasks/claim", json!({})).await;
    assert_eq!(answer.body["task"]["id"], json!(theirs.child), "{}", answer.text);
}

#[tokio::test]
async fn no_filter_finds_another_account() {
    let world = World::new().await;
    let (ours, theirs) = two_accounts(&world).await;
    let before = ours.kept(&world).await;
    let mut asked = BTreeSet::new();
    for operation in Operation::served(&world).await {
        for Parameter { name: parameter, .. } in &operation.parameters {
            let Some(what) = named(&operation, parameter) else { continue };
            let value = of(&ours, what).await;
            let value = value.as_str().expect("an id");
            let mut path = format!("{}?{parameter}={value}", own(&operation, &theirs));
            if operation.id == "recallContext" {
                path.push_str("&q=mark");
            }
            if operation.id == "streamEvents" {
                // Its filters are those of the list; who may not read a task is told so at once.
                let answer = theirs.agent.get(&path).await;
                assert!([403, 404].contains(&answer.status), "{path}: {}", answer.text);
                continue;
            }
            let answer = theirs.admin.get(&path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            if operation.id == "exportEvents" {
                // The manifest: it says that there is nothing, and repeats what was asked.
                assert_eq!(answer.text.lines().count(), 1, "{path}: {}", answer.text);
                let rest = answer.text.replace(value, "");
                let found = ours.secrets().into_iter().find(|secret| rest.contains(secret));
                assert_eq!(found, None, "{path}: {rest}");
                continue;
            }
            ours.assert_hidden(&answer, &path);
            let list = match operation.id.as_str() {
                "recallContext" => &answer.body["results"],
                _ if answer.body.is_array() => &answer.body,
                _ => &answer.body["items"],
            };
            assert_eq!(*list, json!([]), "{path}");
            asked.insert((operation.id.clone(), parameter.clone()));
        }
    }
    assert!(asked.len() >= 9, "{asked:?}");
    assert_eq!(ours.kept(&world).await, before);
}

#[tokio::test]
async fn events_are_those_of_the_callers_account_from_any_position() {
    let world = World::new().await;
    let (ours, theirs) = two_accounts(&world).await;
    for (account, other) in [(&theirs, &ours), (&ours, &theirs)] {
        let page = account.admin.get("/v1/events?after=0&limit=1000").await;
        other.assert_hidden(&page, "the list of events");
        let count = page.expect(200)["items"].as_array().expect("items").len();
        let stream = "/v1/events/stream";
        let from_query = Sse::open(&account.admin, &format!("{stream}?after=0"), None).await;
        let from_header = Sse::open(&account.admin, stream, Some(0)).await;
        // What happens elsewhere from now on is not heard here either.
        other.admin.post("/v1/tasks", json!({ "content": mark(other.name) })).await.expect(201);
        let news = json!({ "content": "news" });
        let news = text(&account.admin.post("/v1/tasks", news).await.expect(201), "id");
        for mut stream in [from_query, from_header] {
            for nth in 0..=count {
                let event = tokio::time::timeout(LIMIT, stream.event()).await.expect("in time");
                let (_, _, data) = event.expect("an event");
                let said = data.to_string();
                let is_ours = other.secrets().iter().any(|secret| said.contains(secret));
                assert!(!is_ours, "{said}");
                assert_eq!(said.contains(&news), nth == count, "{said}");
            }
        }
    }
}

#[tokio::test]
async fn lists_and_filters_show_the_callers_account_only() {
    let world = World::new().await;
    let (ours, theirs) = two_accounts(&world).await;
    for (query, tasks) in [
        ("", 2),
        ("?include_completed=true", 2),
        ("?include_completed=true&sort=updated", 2),
        ("?include_completed=true&sort=due", 2),
        ("?include_completed=true&sort=completed", 2),
        ("?status=open&status=delegated", 2),
        ("?claimed=false", 2),
        ("?view=summary", 2),
        ("?search=mark", 2),
        ("?limit=1000", 2),
        ("?label=shared", 1),
        ("?labels=shared", 1),
        ("?tags=shared&tags=other", 1),
        ("?label=@agent", 1),
        ("?assigned_to=agent", 1),
        ("?assigned_to=none", 1),
        ("?created_by=agent", 1),
    ] {
        let list = theirs.admin.get(&format!("/v1/tasks{query}")).await.expect(200);
        let own = [&theirs.task, &theirs.child];
        assert!(ids(&list).iter().all(|id| own.contains(&id)), "{query}: {list}");
        assert_eq!(ids(&list).len(), tasks, "{query}: {list}");
    }
    for query in [
        format!("?parent_task_id={}", ours.task),
        format!("?assigned_to={}", ours.agent_id),
        format!("?created_by={}", ours.agent_id),
    ] {
        let list = theirs.admin.get(&format!("/v1/tasks{query}")).await.expect(200);
        assert_eq!(list, json!([]), "{query}");
    }
    let like = json!({ "content": mark(ours.name), "threshold": 0 });
    let found = theirs.admin.post("/v1/tasks/dedup", like).await.expect(200);
    let mut found: Vec<_> = found["matches"].as_array().expect("matches").iter().collect();
    found.retain(|one| one["task_id"] != theirs.task && one["task_id"] != theirs.child);
    assert!(found.is_empty(), "{found:?}");
    let agents = theirs.admin.get("/v1/agents").await.expect(200);
    assert_eq!(ids(&agents), [theirs.agent_id.as_str()]);
    assert_eq!(agents[0]["open_task_count"], 1);
    let webhooks = theirs.admin.get("/v1/webhooks").await.expect(200);
    assert_eq!(ids(&webhooks), [theirs.webhook.as_str()]);
    let projects = theirs.admin.get("/v1/projects").await.expect(200);
    assert_eq!(ids(&projects), [theirs.project.as_str()]);
    let recurrences = theirs.admin.get("/v1/recurrences").await.expect(200);
    assert_eq!(ids(&recurrences), [theirs.recurrence.as_str()]);
    let me = theirs.agent.get("/v1/agent/me").await.expect(200);
    assert_eq!(me["id"], json!(theirs.agent_id));
}

#[tokio::test]
async fn a_name_means_the_one_of_the_callers_account() {
    let world = World::new().await;
    let (ours, theirs) = two_accounts(&world).await;
    let before = ours.kept(&world).await;
    let body = json!({ "content": "c", "assigned_to": "agent" });
    let made = theirs.admin.post("/v1/tasks", body).await.expect(201);
    assert_has(&made, json!({ "assigned_to_agent_id": theirs.agent_id }));
    let path = format!("/v1/tasks/{}", text(&made, "id"));
    theirs.admin.patch(&path, json!({ "assigned_to": null })).await.expect(200);
    let body = json!({ "agent_id": "agent" });
    let handed = theirs.admin.post(&format!("{path}/delegate"), body).await.expect(200);
    assert_has(&handed, json!({ "assigned_to_agent_id": theirs.agent_id }));
    let named = theirs.admin.get("/v1/agents/agent").await.expect(200);
    assert_eq!(named["id"], json!(theirs.agent_id));
    let changed = theirs.admin.patch("/v1/agents/agent", json!({ "label": "other" })).await;
    assert_eq!(changed.expect(200)["id"], json!(theirs.agent_id));
    let rotated = theirs.admin.post("/v1/agents/agent/rotate-key", json!({})).await.expect(200);
    assert_eq!(rotated["id"], json!(theirs.agent_id));
    ours.agent.get("/v1/agent/me").await.expect(200);
    assert_eq!(theirs.agent.get("/v1/agent/me").await.status, 401);
    let after = ours.kept(&world).await;
    // Its own agent was seen once more.
    let others = |kept: &[String]| -> Vec<String> {
        kept.iter().filter(|it| !it.starts_with("/v1/agents")).cloned().collect()
    };
    assert_eq!(others(&after), others(&before));
}

#[tokio::test]
async fn idempotency_keys_do_not_meet_across_accounts() {
    let world = World::new().await;
    // Both were created with the same key by a project token.
    let (ours, theirs) = two_accounts(&world).await;
    assert_ne!(ours.task, theirs.task);
    let again = theirs.admin.post_once("/v1/tasks", "same-key", first_task("other")).await;
    assert_eq!(again.header("Idempotency-Replayed"), "true");
    assert_eq!(again.expect(201)["id"], json!(theirs.task));
    // The very request of another account, key and all, is not answered from there.
    let before = ours.kept(&world).await;
    let (path, finish) = (format!("/v1/tasks/{}/complete", ours.child), json!({}));
    problem(&theirs.admin.post_once(&path, "finish", finish.clone()).await, 404);
    let stolen = theirs.admin.post_once("/v1/tasks", "same-key", first_task("default")).await;
    problem(&stolen, 422);
    ours.assert_hidden(&stolen, "a used key");
    assert_eq!(ours.kept(&world).await, before);
    let own = ours.admin.post_once(&path, "finish", finish).await;
    assert_eq!(own.header("Idempotency-Replayed"), "");
    own.expect(200);
}

#[tokio::test]
async fn webhooks_and_messages_carry_their_own_account_only() {
    let world = World::new().await;
    let (ours, theirs) = two_accounts(&world).await;
    for account in [&ours, &theirs] {
        for path in [format!("/v1/tasks/{}", account.child), format!("/v1/tasks/{}", account.task)]
        {
            account.admin.post(&format!("{path}/complete"), json!({})).await.expect(200);
        }
    }
    let head = record::caught_up(&world).await;
    let past = Receiver::start().await;
    let body = json!({ "url": past.url(), "events": ["*"], "from_position": 0 });
    theirs.admin.post("/v1/webhooks", body).await.expect(201);
    for (account, other) in [(&ours, &theirs), (&theirs, &ours)] {
        let own = BTreeSet::from([account.task.clone(), account.child.clone()]);
        let heard = |requests: &[Received]| -> BTreeSet<String> {
            requests.iter().map(|request| text(&request.json()["task"], "id")).collect()
        };
        // Both were completed.
        let expected = FILLED_EVENTS + 2;
        let has_all = |requests: &[Received]| requests.len() >= expected;
        let requests = account.receiver.wait_for(LIMIT, has_all).await;
        assert_eq!(heard(&requests), own);
        assert_eq!(requests.len(), expected);
        let path = format!("/v1/webhooks/{}/deliveries", account.webhook);
        let log = account.admin.get(&path).await.expect(200);
        for delivery in log.as_array().expect("an array") {
            assert!(own.contains(&text(&delivery["payload"]["task"], "id")), "{delivery}");
        }
        problem(&other.admin.get(&path).await, 404);
    }
    // Nor does the past of another account reach a webhook that asks for all of it.
    let requests = past.wait_for(LIMIT, |requests| requests.len() >= FILLED_EVENTS + 2).await;
    let own = [&theirs.task, &theirs.child];
    for request in requests {
        assert!(own.contains(&&text(&request.json()["task"], "id")), "{}", request.json());
    }
    let log = record::log(&world.database.connect().await).await;
    for message in record::messages(&world.nats, head).await {
        let account = message.subject.split('.').nth(2).expect("an account").to_owned();
        let body = String::from_utf8(message.body).expect("JSON");
        let other = if account == "default" { &theirs } else { &ours };
        let ids = [&other.task, &other.child, &other.agent_id, &other.webhook, &other.project];
        for id in ids {
            assert!(!body.contains(id.as_str()), "{}: {body}", message.subject);
        }
        let event = &log[usize::try_from(message.sequence).expect("small") - 1];
        assert_eq!(event.account, account);
    }
}

#[tokio::test]
async fn an_accounts_name_is_given_once_and_is_a_slug() {
    let world = World::new().await;
    let create = async |name: &str| world.baton.command(&["account", "create", name]).await;
    assert!(create("team-1").await.status.success());
    for (name, why) in [
        ("team-1", "exists already"),
        ("default", "BATON_PROJECT_TOKEN"),
        ("Team", "slug"),
        ("1team", "slug"),
        ("a b", "slug"),
        ("", "slug"),
        ("a.b", "slug"),
        (&"a".repeat(64), "slug"),
    ] {
        let refused = create(name).await;
        assert_refused(&refused, why);
    }
}

/// A command that printed nothing but why not, and did nothing.
#[track_caller]
fn assert_refused(output: &std::process::Output, why: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert!(said.lines().last().is_some_and(|line| line.contains(why)), "{why}: {said}");
}

#[tokio::test]
async fn operators_list_accounts_and_replace_their_tokens() {
    let world = World::new().await;
    let old = world.another_account("team-1").await;
    let made = old.post("/v1/agents", json!({ "name": "agent" })).await.expect(201);
    let agent = old.with(Credential::AgentKey(text(&made, "api_key")));
    let account =
        async |arguments: &[&str]| world.baton.command(&[&["account"], arguments].concat()).await;
    let listed = account(&["list"]).await;
    assert!(listed.status.success());
    let listed = String::from_utf8(listed.stdout).expect("text");
    let rows: Vec<Vec<&str>> = listed.lines().map(|row| row.split_whitespace().collect()).collect();
    let expected =
        [["ACCOUNT", "AGENTS", "STATE"], ["default", "0", "open"], ["team-1", "1", "open"]];
    assert_eq!(rows, expected);

    let mut stream = Sse::open(&old, "/v1/events/stream?after=0", None).await;
    let rotated = account(&["rotate-token", "team-1"]).await;
    assert!(rotated.status.success());
    let token = String::from_utf8(rotated.stdout).expect("a token").trim().to_owned();
    let new = old.with(Credential::Bearer(token.clone()));
    new.get("/v1/agent/me").await.expect(200);
    wait_until(LIMIT, "the old token is dead", async || {
        old.get("/v1/agent/me").await.status == 401
    })
    .await;
    // What it had opened ends, and says nothing of what happens from now on.
    let news = new.post("/v1/tasks", json!({ "content": "news" })).await.expect(201);
    let after = async {
        while let Some((_, _, data)) = stream.event().await {
            assert!(!data.to_string().contains(&text(&news, "id")), "{data}");
        }
    };
    tokio::time::timeout(LIMIT, after).await.expect("the stream ends");
    agent.get("/v1/agent/me").await.expect(200);
    let event = new.get("/v1/events?types=account.token_rotated").await.expect(200);
    assert_eq!(event["items"].as_array().map(Vec::len), Some(1), "{event}");
    assert!(!event.to_string().contains("token_hash"), "{event}");

    assert_refused(&account(&["rotate-token", "team-2"]).await, "no such account");
    assert_refused(&account(&["rotate-token", "default"]).await, "BATON_PROJECT_TOKEN");
    new.get("/v1/agent/me").await.expect(200);
}
