//! P10: no secret enters the log, a read model, a log line, an error, a metric or a message.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Output;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use baton_harness::baton::{Builder, LEDGER_KEY, MASTER_KEY, PROJECT_TOKEN};
use baton_harness::client::{Answer, Client, Credential};
use baton_harness::postgres::Database;
use baton_harness::receiver::Receiver;
use baton_harness::wait_until;
use serde_json::json;

use crate::record;
use crate::sse::{Block, Sse};
use crate::world::{LIMIT, World, text};

const TABLES: &str = "select format('%I.%I', schemaname, tablename) from pg_catalog.pg_tables \
     where schemaname not in ('pg_catalog', 'information_schema') order by 1";

/// What Baton says of itself in full; libraries at what an operator would ask of them.
fn talkative(builder: Builder) -> Builder {
    let own = [
        "api",
        "commands",
        "domain",
        "feed",
        "history",
        "ledger",
        "local",
        "log",
        "operations",
        "policies",
        "projections",
        "scheduler",
        "webhooks",
    ];
    let filter: Vec<String> = own.iter().map(|name| format!("baton_{name}=trace")).collect();
    builder.env("BATON_LOG", format!("debug,baton=trace,{}", filter.join(",")))
}

/// How a secret begins, in some spelling: enough to look further.
type Start = [u8; 8];

/// Everything that Baton was told or made and must not tell, in every spelling in which it could
/// get somewhere.
#[derive(Default)]
struct Secrets {
    spellings: HashMap<Start, Vec<(String, Vec<u8>)>>,
    answers: Vec<Answer>,
}

impl Secrets {
    fn add(&mut self, name: &str, secret: &str) {
        assert!(secret.len() >= 12, "{name} would be found by chance");
        self.add_bytes(name, secret.as_bytes());
        let quoted = json!(secret).to_string();
        self.spell(name, quoted.trim_matches('"').as_bytes());
        // What is encoded in the secret is secret as well.
        let inner = secret.trim_start_matches("whsec_").trim_start_matches("dlg_");
        let decoded = [
            STANDARD.decode(inner).ok(),
            URL_SAFE_NO_PAD.decode(inner).ok(),
            hex::decode(inner).ok(),
        ];
        for key in decoded.into_iter().flatten().filter(|key| key.len() >= 16) {
            self.add_bytes(name, &key);
        }
    }

    fn add_bytes(&mut self, name: &str, bytes: &[u8]) {
        self.spell(name, bytes);
        self.spell(name, hex::encode(bytes).as_bytes());
        self.spell(name, hex::encode_upper(bytes).as_bytes());
        // As a list of numbers, which is how bytes print that nobody thought of.
        let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
        self.spell(name, numbers.join(", ").as_bytes());
        self.spell(name, numbers.join(",").as_bytes());
        // In base64 wherever the secret begins in a longer text: what depends on it alone.
        for before in 0..3_usize {
            let longer = [&vec![b' '; before][..], bytes].concat();
            let from = (before * 8).div_ceil(6);
            let to = longer.len() * 8 / 6;
            for encoded in [STANDARD.encode(&longer), URL_SAFE_NO_PAD.encode(&longer)] {
                self.spell(name, &encoded.as_bytes()[from..to]);
            }
        }
    }

    fn spell(&mut self, name: &str, spelling: &[u8]) {
        let start = *spelling.first_chunk().expect("no spelling is short");
        let all = self.spellings.entry(start).or_default();
        if !all.iter().any(|(_, known)| known == spelling) {
            all.push((name.to_owned(), spelling.to_vec()));
        }
    }

    /// The name of a secret that is there.
    fn found_in(&self, bytes: &[u8]) -> Option<&str> {
        let starts = bytes.windows(size_of::<Start>()).enumerate();
        let mut begun = starts.filter_map(|(at, start)| {
            let known = self.spellings.get::<Start>(start.try_into().ok()?)?;
            known.iter().find(|(_, spelling)| bytes[at..].starts_with(spelling))
        });
        begun.next().map(|(name, _)| name.as_str())
    }

    #[track_caller]
    fn assert_absent(&self, place: &str, bytes: &[u8]) {
        if let Some(name) = self.found_in(bytes) {
            panic!("{name} is in {place}");
        }
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
        let replayed = admin.post_once("/v1/agents", &format!("k{n}"), body).await;
        assert_eq!(replayed.expect(201)["api_key"], made.body["api_key"]);
        // The same key for another request: the refusal must not repeat the first answer.
        let other = json!({ "name": format!("other-{n}") });
        secrets.keep(admin.post_once("/v1/agents", &format!("k{n}"), other).await);
        let path = format!("/v1/agents/agent-{n}/rotate-key");
        let rotated = admin.post_once(&path, &format!("r{n}"), json!({})).await;
        let key = text(&rotated.body, "api_key");
        secrets.add("a rotated key", &key);
        let agent = admin.with(Credential::AgentKey(key));
        agent.post("/v1/tasks", json!({ "content": "c" })).await.expect(201);
        secrets.keep(agent.get("/v1/agents").await);
        secrets.keep(agent.get("/v1/agent/me").await);
        // Whoever puts a key into an address gets it back as `instance`; nobody else gets it.
        let key = agent.secret();
        agent.get(&format!("/v1/tasks/{key}?api_key={key}")).await.expect(404);
        agent.get(&format!("/{key}")).await.expect(404);
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
    let overlapping = "a-secret-that-goes-on-for-an-hour";
    secrets.add("a secret with an overlap", overlapping);
    let change = json!({ "secret": overlapping, "secret_overlap_seconds": 3600 });
    secrets.keep(admin.patch(&path, change).await);
    let credentials = "https://hook-user:password-of-a-hook@hooks.example/x";
    secrets.add("a password in a webhook's URL", "password-of-a-hook");
    secrets.keep(admin.post("/v1/webhooks", json!({ "url": credentials })).await);
    secrets.keep(admin.patch(&path, json!({ "url": credentials })).await);
    for path in ["/v1/webhooks".to_owned(), path.clone(), format!("{path}/deliveries")] {
        secrets.keep(admin.get(&path).await);
    }
}

/// The token before the `@` of an address.
fn token_of(url: &str) -> String {
    let rest = url.split("://").nth(1).expect("an address");
    rest.split_once('@').expect("a token").0.to_owned()
}

/// The feed as it is given away: pages, the stream, a task's events.
async fn read_feed(world: &World, secrets: &mut Secrets, head: i64) {
    let admin = world.project();
    let auditor = world.agent_with("auditor", json!({ "role": "auditor" })).await;
    secrets.add("the auditor's key", auditor.client.secret());
    for client in [&admin, &auditor.client] {
        let page = secrets.keep(client.get("/v1/events?limit=1000").await);
        assert_eq!(page.status, 200);
        assert!(page.text.contains("webhook.created") && page.text.contains("agent.key_rotated"));
        let mut stream = Sse::open(client, "/v1/events/stream", Some(0)).await;
        while let Some(block) = stream.block().await.expect("the stream goes on") {
            if let Block::Event { id, data, .. } = block {
                secrets.assert_absent("the stream of events", data.to_string().as_bytes());
                if id >= head {
                    break;
                }
            }
        }
    }
}

/// Opens an account and gives it a new token: what the operator is told but for the two tokens,
/// which are secrets from then on.
async fn make_tokens(world: &World, secrets: &mut Secrets) -> BTreeMap<&'static str, Vec<u8>> {
    let mut said = BTreeMap::new();
    let mut former = None;
    for (name, action) in
        [("baton account create", "create"), ("baton account rotate-token", "rotate-token")]
    {
        let Output { status, stdout, stderr } =
            world.baton.command(&["account", action, "third"]).await;
        let stdout = String::from_utf8(stdout).expect("text");
        assert!(status.success(), "{name}: {stdout} {}", String::from_utf8_lossy(&stderr));
        let token = stdout.lines().next().expect("a token");
        secrets.add(&format!("the token of {name}"), token);
        // It is told once.
        said.insert(name, [stdout.replacen(token, "a token", 1).as_bytes(), &stderr].concat());
        let admin = world.project().with(Credential::Bearer(token.to_owned()));
        wait_until(LIMIT, "the token works", async || {
            admin.get("/v1/agent/me").await.status == 200
        })
        .await;
        secrets.keep(admin.get("/v1/events").await);
        let Some(former) = former.replace(admin) else { continue };
        wait_until(LIMIT, "the former token is dead", async || {
            former.get("/v1/agent/me").await.status == 401
        })
        .await;
        secrets.keep(former.get("/v1/events").await);
    }
    said
}

/// What the operator is told.
async fn run_commands(world: &World, secrets: &mut Secrets) -> BTreeMap<&'static str, Vec<u8>> {
    let mut said = make_tokens(world, secrets).await;
    for (name, arguments) in [
        ("baton status", &["status"][..]),
        ("baton rebuild --check", &["rebuild", "--check"]),
        ("baton rebuild", &["rebuild"]),
        ("baton nats rebuild", &["nats", "rebuild"]),
        ("baton openapi", &["openapi"]),
        ("baton --help", &["--help"]),
        ("baton account list", &["account", "list"]),
        ("a refused account", &["account", "create", "another"]),
        ("a refused token", &["account", "rotate-token", "no-such-account"]),
    ] {
        let Output { stdout, stderr, .. } = world.baton.command(arguments).await;
        said.insert(name, [stdout, stderr].concat());
    }
    said
}

async fn scan_database(database: &Database, secrets: &Secrets) {
    let database = database.connect_as_superuser().await;
    let tables = database.query(TABLES, &[]).await.expect("the tables");
    assert!(tables.len() >= 8, "{tables:?}");
    for table in tables {
        let table: String = table.get(0);
        // The name comes from the catalogue, quoted; a table's name cannot be bound.
        let rows = database.query(&format!("select row::text from {table} as row"), &[]).await;
        for row in rows.expect("every table can be read") {
            let text: String = row.get(0);
            secrets.assert_absent(&table, text.as_bytes());
        }
    }
}

/// All files below a directory; gives how many bytes they have.
fn scan_files(directory: &Path, secrets: &Secrets) -> usize {
    let mut seen = 0;
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            seen += scan_files(&path, secrets);
        } else if let Ok(bytes) = std::fs::read(&path) {
            secrets.assert_absent(&path.display().to_string(), &bytes);
            seen += bytes.len();
        }
    }
    seen
}

fn scan_deliveries(receiver: &Receiver, secrets: &Secrets) {
    for request in receiver.requests() {
        secrets.assert_absent("a delivery", &request.body);
        for (name, value) in &request.headers {
            secrets.assert_absent(&format!("{name} of a delivery"), value.as_bytes());
        }
    }
}

#[tokio::test]
async fn no_secret_is_found_anywhere() {
    let mut world = World::with(talkative).await;
    let mut secrets = Secrets::default();
    secrets.add("the project token", PROJECT_TOKEN);
    secrets.add("the master key", MASTER_KEY);
    secrets.add("the ledger's key", LEDGER_KEY);
    let config = world.database.config();
    let password = config.get_password().expect("the harness sets passwords").to_vec();
    let password = String::from_utf8(password).expect("a text");
    secrets.add("the database's password", &password);
    secrets.add("the token of NATS", &token_of(&world.nats.url));
    let receiver = Receiver::start().await;
    use_webhooks(&world, &mut secrets, &receiver).await;
    use_keys(&world, &mut secrets).await;
    let token = world.another_account("another").await.secret().to_owned();
    secrets.add("another account's token", &token);
    // Three tasks, each for two webhooks.
    receiver.wait_for(LIMIT, |requests| requests.len() >= 6).await;
    let head = record::caught_up(&world).await;
    read_feed(&world, &mut secrets, head).await;
    for path in ["/metrics", "/health/ready"] {
        let shown = secrets.keep(world.nobody().get(path).await);
        assert_eq!(shown.status, 200, "{}", shown.text);
        for account in ["another", "default"] {
            assert!(!shown.text.contains(account), "{path} names an account: {}", shown.text);
        }
    }
    for path in ["/openapi.json", "/docs", "/v1/health", "/health", "/v1/nowhere"] {
        secrets.keep(world.nobody().get(path).await);
    }
    let said = run_commands(&world, &mut secrets).await;
    let status = world.baton.stop().await;
    assert!(status.success(), "{status}");
    world.baton.restart().await;
    let head = record::caught_up(&world).await;

    scan_database(&world.database, &secrets).await;
    for message in &record::messages(&world.nats, head).await {
        secrets.assert_absent("a NATS message", &message.body);
        secrets.assert_absent("a NATS subject", message.subject.as_bytes());
        secrets.assert_absent("the id of a NATS message", message.id.as_bytes());
    }
    // Every stream there is, with all headers, as it lies on the disk.
    assert!(scan_files(world.nats.store(), &secrets) > 10_000, "JetStream keeps its streams");
    let log = world.baton.log();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the filter is in use");
    secrets.assert_absent("Baton's log", log.as_bytes());
    for (command, said) in &said {
        assert!(!said.is_empty(), "{command} said nothing");
        secrets.assert_absent(command, said);
    }
    for answer in &secrets.answers {
        secrets.assert_absent("an answer", answer.text.as_bytes());
        secrets.assert_absent("an answer's headers", format!("{:?}", answer.headers).as_bytes());
    }
    scan_deliveries(&receiver, &secrets);
    // Its Postgres and its NATS are elsewhere: its address at least is here.
    assert!(scan_files(&world.baton.data_dir(), &secrets) > 0, "the node's address");
}

/// A URL is known to who registered it and to who reads the account's events; the part of it that
/// may be a password is nobody else's.
#[tokio::test]
async fn a_word_in_a_webhooks_url_is_told_to_no_operator() {
    let world = World::with(talkative).await;
    let mut secrets = Secrets::default();
    for (name, word) in [
        ("a word in the path", "word-in-the-path-of-a-hook"),
        ("a word in the query", "word-in-the-query-of-a-hook"),
    ] {
        secrets.add(name, word);
    }
    let receiver = Receiver::start().await;
    let path = "word-in-the-path-of-a-hook?token=word-in-the-query-of-a-hook";
    let admin = world.project();
    for url in [format!("{}/{path}", receiver.url()), format!("http://127.0.0.1:1/{path}")] {
        admin.post("/v1/webhooks", json!({ "url": url })).await.expect(201);
    }
    admin.post("/v1/tasks", json!({ "content": "c" })).await.expect(201);
    receiver.wait_for(LIMIT, |requests| !requests.is_empty()).await;
    record::caught_up(&world).await;
    for path in ["/metrics", "/health/ready"] {
        let shown = world.nobody().get(path).await;
        secrets.assert_absent(path, shown.text.as_bytes());
    }
    let status = world.baton.command(&["status"]).await;
    secrets.assert_absent("baton status", &[status.stdout, status.stderr].concat());
    secrets.assert_absent("Baton's log", world.baton.log().as_bytes());
}

/// With no settings Baton makes its secrets itself: each stays in its file, which only the owner
/// may read.
#[tokio::test]
async fn what_local_mode_makes_stays_in_files_of_the_owners() {
    use std::os::unix::fs::PermissionsExt;
    let bare = ["BATON_PROJECT_TOKEN", "BATON_MASTER_KEY", "BATON_LEDGER_KEY"];
    let builder = bare.into_iter().fold(talkative(Builder::local()), Builder::without);
    let mut baton = builder.start().await;
    let mut secrets = Secrets::default();
    let mut kept = 0;
    for entry in std::fs::read_dir(baton.data_dir()).expect("the data directory").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let words = ["token", "key", "password"];
        if entry.path().is_file() && words.iter().any(|word| name.contains(word)) {
            let mode = entry.metadata().expect("a file").permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{name}");
            let secret = std::fs::read_to_string(entry.path()).expect("a secret");
            secrets.add(&name, secret.trim());
            kept += 1;
        }
    }
    assert!(kept >= 3, "{kept} secrets in {}", baton.data_dir().display());
    let token = std::fs::read_to_string(baton.data_dir().join("project-token")).expect("a token");
    let admin = Client::new(&baton.url(), Credential::Bearer(token.trim().to_owned()));
    let hook = json!({ "url": "https://hooks.example/x", "active": false });
    let made = admin.post("/v1/webhooks", hook).await.expect(201);
    secrets.add("a generated webhook secret", &text(&made, "secret"));
    let made = admin.post("/v1/agents", json!({ "name": "local" })).await.expect(201);
    secrets.add("an agent's key", &text(&made, "api_key"));
    for path in ["/v1/events", "/metrics", "/health/ready", "/v1/agents", "/v1/webhooks"] {
        secrets.assert_absent(path, admin.get(path).await.text.as_bytes());
    }
    for arguments in [&["status"][..], &["rebuild", "--check"]] {
        let Output { stdout, stderr, .. } = baton.command(arguments).await;
        secrets.assert_absent("a command", &[stdout, stderr].concat());
    }
    assert!(baton.stop().await.success());
    secrets.assert_absent("Baton's log", baton.log().as_bytes());
    // Its Postgres and its NATS lie beside those files: what they keep holds none of them.
    for name in ["nats/store", "postgres"] {
        let folder = baton.data_dir().join(name);
        assert!(scan_files(&folder, &secrets) > 0, "{}", folder.display());
    }
    let config = std::fs::metadata(baton.data_dir().join("nats/nats.conf")).expect("its settings");
    assert_eq!(config.permissions().mode() & 0o777, 0o600, "nats-server reads the token there");
}

/// What the scan can find it would find.
#[test]
fn every_spelling_is_found() {
    let mut secrets = Secrets::default();
    let secret = "dlg_0123456789-abcdefghijklmnopqrstuvwxyz_ABCDE";
    secrets.add("a key", secret);
    secrets.add("a quoted one", "with \"quotes\" and a \\ in it");
    let basic = STANDARD.encode(format!("user:{secret}"));
    let shifted = URL_SAFE_NO_PAD.encode(format!("a{secret}b"));
    for leak in [
        secret.to_owned(),
        format!("{{\"k\":\"{secret}\"}}"),
        hex::encode(secret),
        format!("\\x{}", hex::encode_upper(secret)),
        format!("{:?}", secret.as_bytes()),
        json!(secret.as_bytes()).to_string(),
        STANDARD.encode(secret),
        basic,
        shifted,
        json!("with \"quotes\" and a \\ in it").to_string(),
    ] {
        assert!(secrets.found_in(format!("before {leak} after").as_bytes()).is_some(), "{leak}");
    }
    assert_eq!(secrets.found_in(b"dlg_0123456789-abcdef and no more"), None);
}
