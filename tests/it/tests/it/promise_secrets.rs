//! P10: no secret enters the log, a read model, a log line, an error, a metric or a message.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use baton_harness::baton::{MASTER_KEY, PROJECT_TOKEN};
use baton_harness::client::{Answer, Client, Credential};
use baton_harness::receiver::Receiver;
use serde_json::json;

use crate::record;
use crate::world::{LIMIT, World, text};

const TABLES: &str = "select format('%I.%I', schemaname, tablename) from pg_catalog.pg_tables \
     where schemaname not in ('pg_catalog', 'information_schema') order by 1";

/// A secret in every spelling in which it could get somewhere.
struct Secret {
    name: String,
    spellings: Vec<Vec<u8>>,
}

impl Secret {
    fn new(name: &str, secret: &str) -> Secret {
        let bytes = secret.as_bytes();
        let mut spellings = vec![
            bytes.to_vec(),
            hex::encode(bytes).into_bytes(),
            STANDARD.encode(bytes).trim_end_matches('=').as_bytes().to_vec(),
            URL_SAFE_NO_PAD.encode(bytes).into_bytes(),
        ];
        // What is encoded in the secret is secret as well.
        let inner = secret.trim_start_matches("whsec_").trim_start_matches("dlg_");
        let decoded = [
            STANDARD.decode(inner).ok(),
            URL_SAFE_NO_PAD.decode(inner).ok(),
            hex::decode(inner).ok(),
        ];
        for key in decoded.into_iter().flatten().filter(|key| key.len() >= 16) {
            spellings.push(hex::encode(&key).into_bytes());
            spellings.push(key);
        }
        Secret { name: name.to_owned(), spellings }
    }

    #[track_caller]
    fn assert_absent(&self, place: &str, bytes: &[u8]) {
        for spelling in &self.spellings {
            let found = bytes.windows(spelling.len()).any(|window| window == spelling);
            assert!(!found, "{} is in {place}", self.name);
        }
    }
}

/// Everything that Baton was told or made and must not tell.
struct Secrets {
    all: Vec<Secret>,
    answers: Vec<Answer>,
}

impl Secrets {
    fn add(&mut self, name: &str, secret: &str) {
        self.all.push(Secret::new(name, secret));
    }

    fn keep(&mut self, answer: Answer) -> Answer {
        self.answers.push(answer.clone());
        answer
    }
}

/// Agents and their keys, rotated, replayed, wrong and inactive.
async fn use_keys(world: &World, secrets: &mut Secrets) {
    let admin = world.project();
    for n in 0..3 {
        let body = json!({ "name": format!("agent-{n}") });
        let made = admin.post_once("/v1/agents", &format!("k{n}"), body.clone()).await;
        secrets.add("an agent's key", &text(&made.body, "api_key"));
        admin.post_once("/v1/agents", &format!("k{n}"), body).await.expect(201);
        let path = format!("/v1/agents/agent-{n}/rotate-key");
        let rotated = admin.post_once(&path, &format!("r{n}"), json!({})).await;
        let key = text(&rotated.body, "api_key");
        secrets.add("a rotated key", &key);
        let agent = admin.with(Credential::AgentKey(key));
        agent.post("/v1/tasks", json!({ "content": "c" })).await.expect(201);
        secrets.keep(agent.get("/v1/agents").await);
        secrets.keep(agent.get("/v1/agent/me").await);
    }
    admin.patch("/v1/agents/agent-0", json!({ "active": false })).await.expect(200);
    admin.delete("/v1/agents/agent-0").await.expect(200);
    let unknown = format!("dlg_{}", "wrong-key-".repeat(5));
    secrets.add("an unknown key", &unknown);
    secrets.add("an unknown token", "a-token-that-nobody-ever-had");
    for credential in [
        Credential::AgentKey(unknown.clone()),
        Credential::Bearer(unknown),
        Credential::Bearer("a-token-that-nobody-ever-had".to_owned()),
    ] {
        let stranger: Client = admin.with(credential);
        secrets.keep(stranger.get("/v1/tasks").await);
        secrets.keep(stranger.post("/v1/agents", json!({ "name": "x" })).await);
    }
}

/// Webhooks with given, generated, changed and refused secrets, one that delivers and one that
/// cannot.
async fn use_webhooks(world: &World, secrets: &mut Secrets, receiver: &Receiver) {
    let admin = world.project();
    let url = receiver.url();
    let given = "whsec_a-secret-that-was-given";
    secrets.add("a given webhook secret", given);
    let made = admin.post("/v1/webhooks", json!({ "url": url, "secret": given })).await;
    let path = format!("/v1/webhooks/{}", text(&secrets.keep(made).body, "id"));
    let body = json!({ "url": url });
    let made = admin.post_once("/v1/webhooks", "w", body.clone()).await;
    secrets.add("a generated webhook secret", &text(&made.body, "secret"));
    admin.post_once("/v1/webhooks", "w", body).await.expect(201);
    let changed = "a-secret-that-came-with-a-change";
    secrets.add("a changed webhook secret", changed);
    let change = json!({ "secret": changed, "signature_scheme": "timestamped" });
    secrets.keep(admin.patch(&path, change).await);
    let refused = "s".repeat(100) + &"another-secret".repeat(20);
    secrets.add("a refused webhook secret", &refused);
    secrets.keep(admin.post("/v1/webhooks", json!({ "url": url, "secret": refused })).await);
    secrets.keep(admin.patch(&path, json!({ "secret": refused })).await);
    let wrong = "a-secret-beside-a-wrong-event";
    secrets.add("a secret of a refused webhook", wrong);
    let body = json!({ "url": url, "secret": wrong, "events": ["no.event"] });
    secrets.keep(admin.post("/v1/webhooks", body).await);
    let body = json!({ "url": "http://127.0.0.1:1/down", "secret": wrong });
    secrets.keep(admin.post("/v1/webhooks", body).await);
    for path in ["/v1/webhooks".to_owned(), path.clone(), format!("{path}/deliveries")] {
        secrets.keep(admin.get(&path).await);
    }
}

async fn scan_database(world: &World, secrets: &Secrets) {
    let database = world.database.connect_as_superuser().await;
    let tables = database.query(TABLES, &[]).await.expect("the tables");
    assert!(tables.len() >= 8, "{tables:?}");
    for table in tables {
        let table: String = table.get(0);
        // The name comes from the catalogue, quoted; a table's name cannot be bound.
        let rows = database.query(&format!("select row::text from {table} as row"), &[]).await;
        for row in rows.expect("every table can be read") {
            let text: String = row.get(0);
            for secret in &secrets.all {
                secret.assert_absent(&table, text.as_bytes());
            }
        }
    }
}

fn scan_files(directory: &Path, secrets: &Secrets) {
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            scan_files(&path, secrets);
        } else if let Ok(bytes) = std::fs::read(&path) {
            for secret in &secrets.all {
                secret.assert_absent(&path.display().to_string(), &bytes);
            }
        }
    }
}

#[tokio::test]
async fn no_secret_is_found_anywhere() {
    // Baton's own lines in full; libraries at what an operator would ask of them.
    let own = [
        "api",
        "commands",
        "domain",
        "feed",
        "history",
        "local",
        "log",
        "operations",
        "policies",
        "projections",
        "webhooks",
    ];
    let filter: Vec<String> = own.iter().map(|name| format!("baton_{name}=trace")).collect();
    let filter = format!("debug,baton=trace,{}", filter.join(","));
    let mut world = World::with(|builder| builder.env("BATON_LOG", filter)).await;
    let mut secrets = Secrets { all: Vec::new(), answers: Vec::new() };
    secrets.add("the project token", PROJECT_TOKEN);
    secrets.add("the master key", MASTER_KEY);
    let receiver = Receiver::start().await;
    use_webhooks(&world, &mut secrets, &receiver).await;
    use_keys(&world, &mut secrets).await;
    let opened = world.baton.command(&["account", "create", "another"]).await;
    let token = String::from_utf8(opened.stdout).expect("a token");
    secrets.add("another account's token", token.trim());
    // Three tasks, each for two webhooks.
    receiver.wait_for(LIMIT, |requests| requests.len() >= 6).await;
    let head = record::caught_up(&world).await;
    for path in ["/metrics", "/health/ready"] {
        let shown = secrets.keep(world.nobody().get(path).await);
        assert_eq!(shown.status, 200, "{}", shown.text);
        for account in ["another", "default"] {
            assert!(!shown.text.contains(account), "{path} names an account: {}", shown.text);
        }
    }
    let status = world.baton.command(&["status"]).await;
    let said = [status.stdout, status.stderr].concat();
    let status = world.baton.stop().await;
    assert!(status.success(), "{status}");
    world.baton.restart().await;
    record::caught_up(&world).await;

    scan_database(&world, &secrets).await;
    let messages = record::messages(&world.nats, head).await;
    let log = world.baton.log();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the filter is in use");
    for secret in &secrets.all {
        secret.assert_absent("Baton's log", log.as_bytes());
        secret.assert_absent("baton status", &said);
        for message in &messages {
            secret.assert_absent("a NATS message", &message.body);
        }
        for answer in &secrets.answers {
            secret.assert_absent("an answer", answer.text.as_bytes());
        }
        for request in receiver.requests() {
            secret.assert_absent("a delivery", &request.body);
            secret.assert_absent("a delivery", format!("{:?}", request.headers).as_bytes());
        }
    }
    scan_files(&world.baton.data_dir(), &secrets);
}
