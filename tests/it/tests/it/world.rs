//! A Baton with all it needs, and shorthands for talking to it.
//!
//! Must not: know what a test expects.

use std::time::Duration;

use baton_harness::baton::{Baton, Builder};
use baton_harness::client::{Answer, Client, Credential, agent, project};
use baton_harness::nats::{self, Nats};
use baton_harness::postgres::{self, Database};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// Longer than anything that the tests wait for takes on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A node with its database and its NATS.
pub(crate) struct World {
    pub(crate) baton: Baton,
    pub(crate) database: Database,
    pub(crate) nats: Nats,
}

impl World {
    /// One of the test's own: for tests that kill, count or measure.
    pub(crate) async fn new() -> World {
        World::with(|builder| builder).await
    }

    /// One of the test's own, with other settings.
    pub(crate) async fn with(settings: impl FnOnce(Builder) -> Builder) -> World {
        let (database, nats) = (postgres::database().await, nats::server().await);
        let baton = settings(Builder::on(&database, &nats)).start().await;
        World { baton, database, nats }
    }

    /// The one that tests share whose agents and tasks are enough to keep them apart.
    pub(crate) async fn shared() -> &'static World {
        static SHARED: OnceCell<World> = OnceCell::const_new();
        SHARED.get_or_init(World::new).await
    }

    /// Another node on the same database and NATS.
    pub(crate) async fn another_node(&self) -> Baton {
        Baton::on(&self.database, &self.nats).await
    }

    /// The account's admin.
    pub(crate) fn project(&self) -> Client {
        project(&self.baton)
    }

    /// Nobody.
    pub(crate) fn nobody(&self) -> Client {
        self.project().with(Credential::None)
    }

    /// The admin of another account, opened now.
    pub(crate) async fn another_account(&self, name: &str) -> Client {
        let opened = self.baton.command(&["account", "create", name]).await;
        let errors = String::from_utf8_lossy(&opened.stderr);
        assert!(opened.status.success(), "{errors}");
        let token = String::from_utf8(opened.stdout).expect("a token").trim().to_owned();
        let admin = self.project().with(Credential::Bearer(token));
        baton_harness::wait_until(LIMIT, "the new account's token works", async || {
            admin.get("/v1/agent/me").await.status == 200
        })
        .await;
        admin
    }

    /// A new worker whose name begins with `name`.
    pub(crate) async fn agent(&self, name: &str) -> Agent {
        let name = fresh(name);
        let (client, id) = agent(&self.baton, &name).await;
        Agent { client, id, name }
    }

    /// A new agent with these fields beside its name.
    pub(crate) async fn agent_with(&self, name: &str, fields: Value) -> Agent {
        let name = fresh(name);
        let body = with(fields, json!({ "name": name }));
        let made = self.project().post("/v1/agents", body).await.expect(201);
        let key = Credential::AgentKey(text(&made, "api_key"));
        Agent { client: self.project().with(key), id: text(&made, "id"), name }
    }
}

/// An agent that acts.
pub(crate) struct Agent {
    pub(crate) client: Client,
    pub(crate) id: String,
    pub(crate) name: String,
}

impl Agent {
    /// A new task of this agent's.
    pub(crate) async fn task(&self, content: &str) -> Value {
        self.client.post("/v1/tasks", json!({ "content": content })).await.expect(201)
    }

    /// A new task of this agent's: its id.
    pub(crate) async fn task_id(&self, content: &str) -> String {
        text(&self.task(content).await, "id")
    }
}

/// What a random test starts from: given in `BATON_TEST_SEED` to repeat one, else printed.
#[expect(clippy::print_stdout, reason = "shown with the output of a test that failed")]
pub(crate) fn seed() -> Uuid {
    let seed = match std::env::var_os("BATON_TEST_SEED") {
        Some(seed) => Uuid::parse_str(&seed.to_string_lossy()).expect("a seed printed before"),
        None => Uuid::new_v4(),
    };
    println!("BATON_TEST_SEED={seed}");
    seed
}

/// A name that no other test has.
pub(crate) fn fresh(name: &str) -> String {
    format!("{name}-{}", &Uuid::new_v4().simple().to_string()[..8])
}

/// Reads, again and again while the node answers 503: the followers of one that was killed leave
/// their leases behind, and a read waits for no longer than it has promised.
pub(crate) async fn patiently(client: &Client, path: &str) -> Answer {
    baton_harness::wait_for(LIMIT, path, async || {
        let answer = client.get(path).await;
        (answer.status != 503).then_some(answer)
    })
    .await
}

/// A member that is a string.
pub(crate) fn text(document: &Value, member: &str) -> String {
    let value = &document[member];
    value.as_str().unwrap_or_else(|| panic!("{member} is {value} in {document}")).to_owned()
}

/// One object with the members of both.
pub(crate) fn with(mut one: Value, other: Value) -> Value {
    let members = one.as_object_mut().expect("an object");
    members.extend(other.as_object().expect("an object").clone());
    one
}

/// The ids of the tasks, agents or webhooks in a list.
pub(crate) fn ids(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap_or_else(|| panic!("a list, not {list}"));
    list.iter().map(|item| text(item, "id")).collect()
}

/// Returns when requests that wait and were sent before are sure to be waiting: one that came later
/// has waited in vain.
pub(crate) async fn waited_in_vain(client: &Client, task: &str) {
    let answer = client.get(&format!("/v1/tasks/{task}/wait?until=failed&timeout=1")).await;
    assert_eq!(answer.expect(200)["reached"], json!(false));
}

/// Asserts that the document has these members, whatever else it has.
#[track_caller]
pub(crate) fn assert_has(document: &Value, expected: Value) {
    for (member, value) in expected.as_object().expect("an object") {
        assert_eq!(&document[member], value, "{member} of {document}");
    }
}

/// Asserts that an answer is an error as protocol 0.9 says, and gives its body.
#[track_caller]
pub(crate) fn problem(answer: &Answer, status: u16) -> &Value {
    assert_eq!(answer.status, status, "{}", answer.text);
    let body = &answer.body;
    let content_type = answer.header("content-type");
    assert!(content_type.starts_with("application/problem+json"), "{content_type}");
    for member in ["type", "title", "detail", "instance", "error"] {
        assert!(body[member].is_string(), "{member} of {body}");
    }
    assert_eq!(body["status"], status, "{body}");
    assert_eq!(body["error"], body["detail"], "{body}");
    assert_ne!(body["error"], "", "{body}");
    body
}

/// Asserts a 422 that lists this field.
#[track_caller]
pub(crate) fn wrong_field(answer: &Answer, field: &str) {
    let body = problem(answer, 422);
    let errors = body["errors"].as_array().unwrap_or_else(|| panic!("errors of {body}"));
    let found = errors.iter().find(|error| {
        let named = error["field"].as_str().expect("a field's name");
        named == field || named.starts_with(&format!("{field}["))
    });
    let found = found.unwrap_or_else(|| panic!("{field} is not named in {body}"));
    assert!(found["message"].is_string(), "{body}");
}

/// Asserts the form of protocol 0.4: RFC 3339, UTC, `Z`, three fractional digits.
#[track_caller]
pub(crate) fn assert_timestamp(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("a timestamp, not {value}"));
    let form: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "0000-00-00T00:00:00.000Z", "{text}");
}
