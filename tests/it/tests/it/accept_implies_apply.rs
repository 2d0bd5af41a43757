//! What the API accepts, every follower can apply: whatever bodies are thrown at it, no answer is
//! a 5xx, no follower stands still, and the read models equal a rebuild.

use std::time::{Duration, Instant};

use baton_harness::client::{Client, Credential, send};
use baton_harness::receiver::Receiver;
use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use reqwest::Method;
use serde_json::{Map, Number, Value, json};
use uuid::Uuid;

use crate::record;
use crate::world::{World, seed, text};

const THROW_FOR: Duration = Duration::from_secs(20);
const THROWERS: usize = 4;

/// Texts that have hurt somebody before.
const TEXTS: [&str; 22] = [
    "",
    " ",
    "\u{0}",
    "a\u{0}b",
    "\\u0000",
    "\u{1}\u{1f}\u{7f}",
    "\u{2028}\u{2029}",
    "\u{feff}x",
    "\u{202e}rtl",
    "e\u{301}\u{301}",
    "\u{1F469}\u{200D}\u{1F4BB}",
    "\u{10FFFF}",
    "'; drop table",
    "%s%n{}",
    "null",
    "2026-02-30",
    "0000-00-00",
    "2026-12-31",
    "24:00",
    "23:59:60",
    "9999-12-31T23:59:59.999Z",
    "@@ A__b  c",
];
const NUMBERS: [&str; 16] = [
    "0",
    "-0",
    "-0.0",
    "1",
    "-1",
    "1.5",
    "1e400",
    "-1e400",
    "1e-400",
    "1e308",
    "5e-324",
    "9007199254740993",
    "9223372036854775808",
    "18446744073709551616",
    "0.1",
    "123456789012345678901234567890",
];
/// Every member that a body is looked at for, by what fits it.
const OBJECTS: [&str; 3] = ["metadata", "context", "requirements"];
const LISTS: [&str; 8] =
    ["labels", "labels", "tags", "notes", "permissions", "events", "evidence", "depends_on"];
// Not `next_due_at`: what is due is done, and nothing would ever be caught up.
const STRINGS: [&str; 37] = [
    "content",
    "title",
    "description",
    "due_date",
    "due_time",
    "reminder_time",
    "evidence_policy",
    "workflow_slug",
    "recurring_type",
    "recurring_string",
    "assigned_to",
    "assigned_to_agent_id",
    "agent_id",
    "status",
    "notes",
    "note",
    "reason",
    "execution_id",
    "result_summary",
    "error_message",
    "name",
    "label",
    "display_name",
    "role",
    "secret",
    "signature_scheme",
    "state",
    "detail",
    "handoff",
    "author",
    "kind",
    "ref",
    "repo",
    "emoji",
    "color",
    "rule_type",
    "timezone",
];
const SCALARS: [&str; 17] = [
    "priority",
    "estimated_tokens",
    "max_retries",
    "recurring_interval",
    "is_recurring",
    "completed",
    "expected_revision",
    "claim_generation",
    "lease_seconds",
    "sort_order",
    "is_admin",
    "active",
    "interval",
    "anchor_day",
    "anchor_month",
    "anchor_weekday",
    "skip_if_open",
];
const WORDS: [&str; 24] = [
    "open",
    "blocked",
    "running",
    "done",
    "failed",
    "canceled",
    "required",
    "weekly",
    "2026-03-01",
    "09:30",
    "2026-03-22T09:00:00Z",
    "agent",
    "a, b,,c",
    "@agent",
    "working",
    "admin",
    "body",
    "timestamped",
    "task.created",
    "*",
    "https://hooks.example/x",
    "branch",
    "acme/site",
    "Pacific/Apia",
];

/// JSON text, which can say more than a [`Value`]: numbers of any size.
fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        proptest::sample::select(&NUMBERS[..]).prop_map(|text| {
            serde_json::from_str::<Number>(text).map_or(json!({ "@number": text }), Value::Number)
        }),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("JSON has no such number", |n| {
            Number::from_f64(n).map(Value::Number)
        }),
    ]
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => proptest::sample::select(&WORDS[..]).prop_map(str::to_owned),
        4 => proptest::sample::select(&TEXTS[..]).prop_map(str::to_owned),
        3 => any::<String>(),
        1 => (any::<char>(), 1..3_000_usize).prop_map(|(c, n)| c.to_string().repeat(n)),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number(),
        string().prop_map(Value::String),
    ];
    leaf.prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            hash_map(string(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Objects of any kind, or deeper than most parsers like: there are limits near 64 and 128.
fn object() -> impl Strategy<Value = Value> {
    let depth = prop_oneof![1..20_usize, 50..70_usize, 110..130_usize, 200..400_usize];
    prop_oneof![
        3 => hash_map(string(), value(), 0..6)
            .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        1 => (depth, any::<bool>()).prop_map(|(depth, arrays)| {
            let wrap = |inner, _| if arrays { json!([inner]) } else { json!({ "": inner }) };
            json!({ "deep": (1..depth).fold(json!(1), wrap) })
        }),
    ]
}

/// A member with what fits it, more or less, or with anything.
fn member() -> impl Strategy<Value = (String, Value)> {
    let select =
        |names: &'static [&'static str]| proptest::sample::select(names).prop_map(str::to_owned);
    let anywhere =
        prop_oneof![select(&OBJECTS), select(&LISTS), select(&STRINGS), select(&SCALARS)];
    prop_oneof![
        4 => (select(&OBJECTS), object()),
        4 => (select(&LISTS), vec(string(), 0..4).prop_map(|texts| json!(texts))),
        4 => (select(&STRINGS), string().prop_map(Value::String)),
        2 => (select(&SCALARS), prop_oneof![(0..6_i64).prop_map(Value::from), number()]),
        2 => (anywhere, value()),
    ]
}

/// Members on a core that is valid nine times of ten, so that what is strange gets past it.
fn body() -> impl Strategy<Value = Value> {
    (vec(member(), 0..4), prop::bool::weighted(0.9)).prop_map(|(members, has_core)| {
        let mut body = Map::new();
        if has_core {
            body.insert("content".to_owned(), json!("plain"));
            body.insert("name".to_owned(), json!("nobody"));
            body.insert("kind".to_owned(), json!("pr"));
            body.insert("ref".to_owned(), json!("41"));
            body.insert("rule_type".to_owned(), json!("monthly"));
            body.insert("url".to_owned(), json!("https://hooks.example/x"));
        }
        body.extend(members);
        Value::Object(body)
    })
}

/// What is done with a claim.
const HOLDING: [&str; 6] = ["claim", "claim", "heartbeat", "state", "state", "release"];

/// What hangs on a task.
const HANGING: [&str; 3] = ["comments", "subtasks", "links"];

/// Where it is thrown.
#[derive(Clone, Copy, Debug)]
enum Target {
    Create,
    Update,
    Context,
    Complete,
    Fail,
    Cancel,
    Delegate,
    Hold(&'static str),
    Hang(&'static str),
    ProjectCreate,
    ProjectUpdate,
    RecurrenceCreate,
    RecurrenceUpdate,
    AgentCreate,
    AgentUpdate,
    WebhookCreate,
    WebhookUpdate,
}

fn target() -> impl Strategy<Value = Target> {
    use Target as T;
    prop_oneof![
        4 => Just(T::Create), 6 => Just(T::Update), 2 => Just(T::Complete), 1 => Just(T::Fail),
        3 => Just(T::Context),
        4 => proptest::sample::select(&HOLDING[..]).prop_map(T::Hold),
        4 => proptest::sample::select(&HANGING[..]).prop_map(T::Hang),
        1 => Just(T::ProjectCreate), 2 => Just(T::ProjectUpdate),
        1 => Just(T::RecurrenceCreate), 2 => Just(T::RecurrenceUpdate),
        1 => Just(T::Cancel), 4 => Just(T::Delegate), 1 => Just(T::AgentCreate),
        2 => Just(T::AgentUpdate), 1 => Just(T::WebhookCreate), 2 => Just(T::WebhookUpdate),
    ]
}

struct Thrower {
    admin: Client,
    agent: Client,
    task: String,
    agent_id: String,
    webhook: String,
    project: String,
    recurrence: String,
    accepted: usize,
    refused: usize,
}

impl Thrower {
    async fn new(world: &World, n: usize) -> Thrower {
        let admin = world.project();
        let name = format!("agent-{n}");
        let made = admin.post("/v1/agents", json!({ "name": name })).await.expect(201);
        let agent = admin.with(Credential::AgentKey(text(&made, "api_key")));
        let hook = json!({ "url": "https://hooks.example/x", "active": false });
        let webhook = text(&admin.post("/v1/webhooks", hook).await.expect(201), "id");
        let project = admin.post("/v1/projects", json!({ "name": "p" })).await.expect(201);
        let project = text(&project, "id");
        let body = json!({ "content": "c", "rule_type": "daily" });
        let recurrence = text(&agent.post("/v1/recurrences", body).await.expect(201), "id");
        let body = json!({ "content": "c", "assigned_to": name, "project_id": project });
        let task = admin.post("/v1/tasks", body).await.expect(201);
        let (task, agent_id) = (text(&task, "id"), text(&made, "id"));
        let (accepted, refused) = (0, 0);
        Thrower { admin, agent, task, agent_id, webhook, project, recurrence, accepted, refused }
    }

    async fn throw(&mut self, target: Target, body: &Value) {
        let (client, method, path) = match target {
            Target::Create => (&self.agent, Method::POST, "/v1/tasks".to_owned()),
            Target::Update => (&self.admin, Method::PATCH, format!("/v1/tasks/{}", self.task)),
            Target::Context => (&self.admin, Method::PATCH, self.action("context")),
            Target::Complete => (&self.admin, Method::POST, self.action("complete")),
            Target::Fail => (&self.admin, Method::POST, self.action("fail")),
            Target::Cancel => (&self.admin, Method::POST, self.action("cancel")),
            Target::Delegate => (&self.admin, Method::POST, self.action("delegate")),
            Target::Hold(action) => (&self.agent, Method::POST, self.action(action)),
            Target::Hang(list) => (&self.admin, Method::POST, self.action(list)),
            Target::ProjectCreate => (&self.admin, Method::POST, "/v1/projects".to_owned()),
            Target::ProjectUpdate => {
                (&self.admin, Method::PATCH, format!("/v1/projects/{}", self.project))
            }
            Target::RecurrenceCreate => (&self.agent, Method::POST, "/v1/recurrences".to_owned()),
            Target::RecurrenceUpdate => {
                (&self.agent, Method::PATCH, format!("/v1/recurrences/{}", self.recurrence))
            }
            Target::AgentCreate => (&self.admin, Method::POST, "/v1/agents".to_owned()),
            Target::AgentUpdate => {
                (&self.agent, Method::PUT, format!("/v1/agents/{}", self.agent_id))
            }
            Target::WebhookCreate => (&self.admin, Method::POST, "/v1/webhooks".to_owned()),
            Target::WebhookUpdate => {
                (&self.admin, Method::PUT, format!("/v1/webhooks/{}", self.webhook))
            }
        };
        // Numbers that no `Value` can hold travel as a mark; on the wire they are numbers.
        let sent = NUMBERS.iter().fold(body.to_string(), |sent, number| {
            sent.replace(&format!(r#"{{"@number":"{number}"}}"#), number)
        });
        let answer = send(client.request(method, &path).body(sent.clone())).await;
        assert!(answer.status < 500, "{target:?} answered {}\n{sent}", answer.text);
        match answer.status {
            200..300 => self.accepted += 1,
            _ => self.refused += 1,
        }
        match target {
            Target::Create | Target::Delegate if answer.status == 201 => {
                self.read_back(&answer.body).await;
                self.task = text(&answer.body, "id");
            }
            // The agent must stay able to act: its own key is not rotated, nor is it renamed.
            Target::Complete | Target::Fail | Target::Cancel if answer.status == 200 => {
                let fresh = self.agent.post("/v1/tasks", json!({ "content": "c" })).await;
                self.task = text(&fresh.expect(201), "id");
            }
            _ => (),
        }
    }

    /// What was answered is what is read: no number, no letter drifts on its way.
    async fn read_back(&self, task: &Value) {
        let read = self.admin.get(&format!("/v1/tasks/{}", text(task, "id"))).await.expect(200);
        for field in ["content", "description", "metadata", "context", "labels", "requirements"] {
            assert_eq!(read[field], task[field], "{field}");
        }
    }

    fn action(&self, action: &str) -> String {
        format!("/v1/tasks/{}/{action}", self.task)
    }
}

/// Throws for a while; the counts of what was taken and what was refused.
async fn throw(mut thrower: Thrower, seed: Uuid, n: usize, until: Instant) -> (usize, usize) {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(seed.as_bytes());
    bytes[16] = u8::try_from(n).expect("few throwers");
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let strategy = (target(), body());
    while Instant::now() < until {
        let tree = strategy.new_tree(&mut runner).expect("a body");
        let (target, body) = tree.current();
        thrower.throw(target, &body).await;
    }
    (thrower.accepted, thrower.refused)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_answered_with_success_every_follower_applies() {
    let seed = seed();
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let hook = json!({ "url": receiver.url() });
    world.project().post("/v1/webhooks", hook).await.expect(201);
    let until = Instant::now() + THROW_FOR;
    let throwers =
        (0..THROWERS).map(async |n| throw(Thrower::new(&world, n).await, seed, n, until).await);
    let thrown = futures_util::future::join_all(throwers).await;
    let accepted: usize = thrown.iter().map(|(accepted, _)| accepted).sum();
    let refused: usize = thrown.iter().map(|(_, refused)| refused).sum();
    println!("{accepted} accepted, {refused} refused");
    assert!(accepted > 100 && refused > 100, "{accepted} accepted, {refused} refused");

    let head = record::caught_up(&world).await;
    record::assert_models_equal_a_rebuild(&world).await;
    let log = record::log(&world.database.connect().await).await;
    record::assert_gapless(&log);
    let messages = record::messages(&world.nats, head).await;
    record::assert_stream_is_log(&messages, &log);
    // The lists can still be read, whatever is in them.
    world.project().get("/v1/tasks?include_completed=true&limit=1000").await.expect(200);
    world.project().get("/v1/agents").await.expect(200);
    world.project().get("/v1/webhooks").await.expect(200);
    world.project().get("/v1/recurrences").await.expect(200);
}
