//! P3: whatever a superuser of the database does to the log is found by `baton verify` against a
//! checkpoint kept elsewhere, and in an export by a verifier in another language.
//!
//! Each attack has a copy of the database to itself. The node is down meanwhile: what a running one
//! notices is another matter.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use baton_harness::postgres::{self, Database};
use baton_harness::{python, wait_until};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, Row};
use uuid::Uuid;

use crate::world::{LIMIT, World, text};

/// What keeps the log as it is, out of the way.
const OFF: &str = "alter table public.events disable trigger all; \
     alter table public.events drop constraint events_position_check; \
     alter table public.events drop constraint events_account_seq_check";
const EVENT: &str = "select position, account_id, stream_kind, stream_id, version, event_id, \
     event_type, schema_version, actor, correlation_id, causation_id, payload::text \
     from public.events where position = $1";
const HEAD: &str = "select max(position), count(*) from public.events";
const ANCHORED: &str = "select coalesce(sum(size), 0)::bigint from public.ledger_anchored";
const REHASH: &str = "update public.events set content_hash = $2 where position = $1";

/// What is changed of one event, and how: `$1` is its position.
const CHANGES: [(&str, &str); 11] = [
    ("payload", "payload = (' ' || payload::text)::json"),
    ("payload", "payload = replace(payload::text, '\":', '_\":')::json"),
    ("actor", "actor = 'project '"),
    ("event type", "event_type = event_type || 'x'"),
    ("schema version", "schema_version = schema_version + 1"),
    ("event id", "event_id = gen_random_uuid()"),
    ("correlation", "correlation_id = gen_random_uuid()"),
    ("causation", "causation_id = gen_random_uuid()"),
    ("stream", "stream_id = stream_id || '0'"),
    ("version", "version = version + 1000"),
    ("content hash", "content_hash = sha256(content_hash)"),
];

/// A node with a history, that was signed and is down.
struct Signed {
    world: World,
    /// A copy of its database, for further copies: nobody uses it.
    pristine: Database,
    head: i64,
    /// Of the exports.
    place: PathBuf,
    key: String,
    task: String,
    agent: String,
    project: String,
}

impl Signed {
    /// The one that the tests share: each attacks copies of it.
    async fn shared() -> &'static Signed {
        static SHARED: OnceCell<Signed> = OnceCell::const_new();
        SHARED.get_or_init(Signed::new).await
    }

    async fn new() -> Signed {
        let mut world = World::new().await;
        let (writer, worker) = (world.agent("writer").await, world.agent("worker").await);
        let project = json!({ "name": "audited" });
        let project = text(&world.project().post("/v1/projects", project).await.expect(201), "id");
        let task = writer.task_id("first: \u{e9} \u{2603} \\ \" \n end").await;
        let path = format!("/v1/tasks/{task}");
        let child = json!({ "content": "child", "agent_id": worker.id });
        let child = writer.client.post(&format!("{path}/delegate"), child).await;
        let child = text(&child.expect(201), "id");
        worker.client.post(&format!("/v1/tasks/{child}/complete"), json!({})).await.expect(200);
        world.project().patch(&path, json!({ "project_id": project })).await.expect(200);
        for n in 0..6 {
            writer.task(&format!("other {n}")).await;
        }
        let checkpoint = world.project().get("/v1/ledger/checkpoint").await.expect(200);
        let key = text(&checkpoint, "key");
        let head = anchored(&world).await;
        world.baton.stop().await;
        let place = world.baton.data_dir().join("exports");
        fs::create_dir(&place).expect("a directory");
        let pristine = copy_of(&world.database).await;
        Signed { head, place, key, task, agent: worker.id, project, world, pristine }
    }

    /// A copy of the database, which may be changed.
    async fn copy(&self) -> Database {
        copy_of(&self.pristine).await
    }

    /// Runs the binary on a database.
    async fn run(&self, database: &Database, arguments: &[&str]) -> Output {
        let mut command = self.world.baton.binary();
        command.env("BATON_DATABASE_URL", &database.url).args(arguments);
        let run = tokio::task::spawn_blocking(move || command.output());
        run.await.expect("not cancelled").expect("the binary runs")
    }

    /// What `baton verify` finds wrong in the database; nothing when it ends well.
    async fn faults(&self, database: &Database, arguments: &[&str]) -> Vec<String> {
        let arguments: Vec<&str> = ["verify"].into_iter().chain(arguments.to_vec()).collect();
        let run = self.run(database, &arguments).await;
        let said = String::from_utf8(run.stdout).expect("text");
        let errors = String::from_utf8_lossy(&run.stderr);
        let faults: Vec<String> =
            said.lines().filter(|line| line.starts_with("fault: ")).map(str::to_owned).collect();
        assert_eq!(run.status.success(), faults.is_empty(), "{said}\n{errors}");
        faults
    }

    /// An export of the database.
    async fn export(&self, database: &Database, arguments: &[&str]) -> PathBuf {
        let file = self.place.join(Uuid::new_v4().to_string());
        let path = file.to_str().expect("text");
        let arguments: Vec<&str> =
            ["export", "--out", path].into_iter().chain(arguments.to_vec()).collect();
        let run = self.run(database, &arguments).await;
        let errors = String::from_utf8_lossy(&run.stderr);
        assert!(file.exists(), "{errors}");
        file
    }

    /// What both verifiers say of a file: they agree.
    fn judge(&self, file: &Path) -> impl Future<Output = bool> + use<> {
        let mut own = self.world.baton.binary();
        own.args(["verify", "--file"]).arg(file).args(["--key", &self.key]);
        let (file, key) = (file.to_owned(), self.key.clone());
        async move {
            let judged = tokio::task::spawn_blocking(move || {
                let mut other = Command::new(python::interpreter());
                other.arg(program()).arg(&file).arg(key);
                let (own, other) = (own.output().expect("runs"), other.output().expect("runs"));
                let said = |run: &Output| {
                    let words = [run.stdout.clone(), run.stderr.clone()].concat();
                    String::from_utf8_lossy(&words).into_owned()
                };
                let (one, two) = (said(&own), said(&other));
                assert!(!two.contains("Traceback"), "{two}");
                let agree = own.status.success() == other.status.success();
                assert!(agree, "{}:\n{one}\n{two}", file.display());
                own.status.success()
            });
            judged.await.expect("both end")
        }
    }
}

/// A copy of a database that nobody uses.
async fn copy_of(original: &Database) -> Database {
    let name = format!("copy_{}", Uuid::new_v4().simple());
    let keeper = original.superuser_url.replace(&original.name, "postgres");
    let keeper = keeper.parse::<Config>().expect("a URL");
    let (client, connection) = keeper.connect(NoTls).await.expect("the cluster answers");
    tokio::spawn(connection);
    let copy = format!("create database {name} template {} owner baton", original.name);
    // Whoever used it may still be on the way out.
    wait_until(LIMIT, "a copy", async || match client.batch_execute(&copy).await {
        Ok(()) => true,
        Err(cause) if cause.code() == Some(&SqlState::OBJECT_IN_USE) => false,
        Err(cause) => panic!("{cause:?}"),
    })
    .await;
    postgres::cluster().await.database_named(&name)
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../python/verify_export.py")
}

/// Waits until everything is signed and kept outside; how many events that are.
async fn anchored(world: &World) -> i64 {
    let database = world.database.connect().await;
    let mut head = 0;
    wait_until(LIMIT, "everything is anchored", async || {
        let row = database.query_one(HEAD, &[]).await.expect("a head");
        head = row.get(0);
        let anchored: i64 = database.query_one(ANCHORED, &[]).await.expect("a size").get(0);
        anchored == row.get::<_, i64>(1)
    })
    .await;
    head
}

/// The content hash of a row, as docs/audit.md says.
fn content_hash(row: &Row) -> Vec<u8> {
    let mut hash = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hash.update(u32::try_from(bytes.len()).expect("small").to_be_bytes());
        hash.update(bytes);
    };
    let text = |column: &str| row.get::<_, String>(column).into_bytes();
    let id = |column: &str| row.get::<_, Uuid>(column).into_bytes();
    field(b"baton.event.v1");
    field(&text("account_id"));
    field(&text("stream_kind"));
    field(&text("stream_id"));
    field(&row.get::<_, i64>("version").to_be_bytes());
    field(&id("event_id"));
    field(&text("event_type"));
    field(&row.get::<_, i16>("schema_version").to_be_bytes());
    field(&text("actor"));
    field(&id("correlation_id"));
    match row.get::<_, Option<Uuid>>("causation_id") {
        Some(id) => field(id.as_bytes()),
        None => hash.update([0xff; 4]),
    }
    let payload = text("payload");
    hash.update(u32::try_from(payload.len()).expect("small").to_be_bytes());
    hash.update(payload);
    hash.finalize().to_vec()
}

/// Gives events the content hashes that their columns have now.
async fn rehash(client: &Client, positions: impl IntoIterator<Item = i64>) {
    for position in positions {
        let row = client.query_one(EVENT, &[&position]).await.expect("an event");
        let hash = content_hash(&row);
        client.execute(REHASH, &[&position, &hash]).await.expect("a superuser may");
    }
}

/// The position that a fault names, and the last one where it is a stretch.
fn named(fault: &str) -> Option<(i64, i64)> {
    let number = |marker: &str| {
        let rest = fault.split(marker).nth(1)?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let from = number("position ")?;
    Some((from, number("up to position ").unwrap_or(from)))
}

#[track_caller]
fn assert_names(faults: &[String], position: i64, attack: &str) {
    let first = faults.first().unwrap_or_else(|| panic!("{attack} was not found"));
    let place = named(first).unwrap_or_else(|| panic!("{attack}: no position in {first}"));
    assert!((place.0..=place.1).contains(&position), "{attack} at {position}: {faults:?}");
}

/// Changes one event, also with a content hash that fits: both are found, in an export as well.
async fn changed(signed: &Signed, what: &str, change: &str, position: i64) {
    let copy = signed.copy().await;
    let client = copy.connect_as_superuser().await;
    client.batch_execute(OFF).await.expect("a superuser may");
    let change = format!("update public.events set {change} where position = $1");
    client.execute(&change, &[&position]).await.expect("a superuser may");
    let faults = signed.faults(&copy, &[]).await;
    assert_names(&faults, position, what);
    let by_hash = faults.iter().find(|fault| fault.contains("content hash differs"));
    let by_hash = by_hash.unwrap_or_else(|| panic!("{what}: {faults:?}"));
    assert_eq!(named(by_hash), Some((position, position)), "{what}");
    let file = signed.export(&copy, &[]).await;
    assert!(!signed.judge(&file).await, "{what} in an export");
    if what == "content hash" {
        return;
    }
    rehash(&client, [position]).await;
    let faults = signed.faults(&copy, &[]).await;
    assert_names(&faults, position, &format!("{what}, hashed anew"));
    let file = signed.export(&copy, &[]).await;
    assert!(!signed.judge(&file).await, "{what}, hashed anew, in an export");
}

#[tokio::test]
async fn what_a_superuser_changes_is_found_and_its_position_named() {
    let signed = Signed::shared().await;
    let original = &signed.world.database;
    assert_eq!(signed.faults(original, &[]).await, [""; 0]);
    let position = signed.head / 2;
    let attacks = CHANGES.map(|(what, change)| changed(signed, what, change, position));
    stream::iter(attacks).buffered(AT_ONCE).collect::<Vec<()>>().await;
    // The time is not in the content hash, but in the leaf.
    let copy = signed.copy().await;
    let client = copy.connect_as_superuser().await;
    let later = "update public.events set recorded_at = recorded_at + interval '1 day' \
         where position = $1";
    client.batch_execute(OFF).await.expect("a superuser may");
    client.execute(later, &[&signed.head]).await.expect("a superuser may");
    assert_names(&signed.faults(&copy, &[]).await, signed.head, "a time");
    assert!(!signed.judge(&signed.export(&copy, &[]).await).await, "a time in an export");
}

/// Attacks on the order: `$1` is the position that is attacked. There is one account: positions and
/// `account_seq` are the same numbers.
const ORDERS: [(&str, &[&str]); 6] = [
    ("removed", &["delete from public.events where position = $1"]),
    (
        "removed, the rest renumbered",
        &[
            "delete from public.events where position = $1",
            "update public.events set position = -position, account_seq = -account_seq \
             where position > $1",
            "update public.events set position = -position - 1, account_seq = -account_seq - 1 \
             where position < 0 and $1::bigint > 0",
        ],
    ),
    (
        "inserted, the rest renumbered",
        &[
            "update public.events set position = -position, account_seq = -account_seq \
             where position >= $1",
            "update public.events set position = -position + 1, account_seq = -account_seq + 1 \
             where position < 0 and $1::bigint > 0",
            "insert into public.events (position, account_id, account_seq, stream_kind, \
             stream_id, version, event_id, event_type, schema_version, payload, actor, \
             correlation_id, causation_id, recorded_at, content_hash) \
             select position - 1, account_id, account_seq - 1, stream_kind, \
             repeat('f', 32), 1, gen_random_uuid(), event_type, schema_version, payload, actor, \
             correlation_id, causation_id, recorded_at, content_hash \
             from public.events where position = $1::bigint + 1",
        ],
    ),
    (
        "swapped",
        &[
            "update public.events set position = -position, account_seq = -account_seq \
             where position in ($1, $1::bigint + 1)",
            "update public.events e set position = 2 * $1::bigint + 1 + e.position, \
             account_seq = 2 * $1::bigint + 1 + e.account_seq, \
             recorded_at = (select o.recorded_at from public.events o \
                 where o.position = -(2 * $1::bigint + 1) - e.position) \
             where e.position < 0",
        ],
    ),
    ("the tail cut", &["delete from public.events where position > $1"]),
    ("everything removed", &["delete from public.events where position > $1::bigint * 0"]),
];

/// What is attacked at once.
const AT_ONCE: usize = 3;

/// Changes the order: found in the database, by one checkpoint alone, and in an export.
async fn reordered(signed: &Signed, attack: &str, statements: &[&str], position: i64) {
    let copy = signed.copy().await;
    let client = copy.connect_as_superuser().await;
    client.batch_execute(OFF).await.expect("a superuser may");
    for statement in statements {
        client.execute(*statement, &[&position]).await.expect(attack);
    }
    if attack.starts_with("inserted") {
        rehash(&client, [position]).await;
    }
    let faults = signed.faults(&copy, &[]).await;
    match attack {
        "everything removed" => assert!(faults[0].contains("are missing"), "{faults:?}"),
        _ => assert_names(&faults, position, attack),
    }
    let latest = signed.world.baton.data_dir().join("checkpoints/default/latest");
    let by_file = ["--checkpoint", latest.to_str().expect("text")];
    assert!(!signed.faults(&copy, &by_file).await.is_empty(), "{attack}");
    let file = signed.export(&copy, &[]).await;
    assert!(!signed.judge(&file).await, "{attack} in an export");
}

#[tokio::test]
async fn what_a_superuser_removes_inserts_moves_or_cuts_off_is_found() {
    let signed = Signed::shared().await;
    let position = signed.head / 2;
    let attacks =
        ORDERS.map(|(attack, statements)| reordered(signed, attack, statements, position));
    stream::iter(attacks).buffered(AT_ONCE).collect::<Vec<()>>().await;
}

#[tokio::test]
async fn a_log_written_anew_with_its_ledger_is_found() {
    let signed = Signed::shared().await;
    let copy = signed.copy().await;
    let client = copy.connect_as_superuser().await;
    client.batch_execute(OFF).await.expect("a superuser may");
    let rewrite = "update public.events set payload = (' ' || payload::text)::json";
    client.batch_execute(rewrite).await.expect("a superuser may");
    rehash(&client, 1..=signed.head).await;
    // Whatever the ledger's tables say now, nobody can sign it.
    let forget = "delete from public.ledger_nodes; \
         update public.ledger_trees set frontier = sha256(frontier), root = sha256(root), \
         note = replace(note, 'a', 'b')";
    client.batch_execute(forget).await.expect("a superuser may");
    let faults = signed.faults(&copy, &[]).await;
    let (from, to) = named(&faults[0]).expect("a position");
    assert!(from == 1 && to <= signed.head, "{faults:?}");
    let run = signed.run(&copy, &["export"]).await;
    let file = signed.place.join("rewritten");
    fs::write(&file, &run.stdout).expect("a file");
    assert!(!signed.judge(&file).await);
    // Another database with a directory of ours, and ours with nothing beside it.
    let empty = signed.place.join("empty");
    fs::create_dir(&empty).expect("a directory");
    let mut command = signed.world.baton.binary();
    command.arg("verify").env("BATON_CHECKPOINT_DIR", &empty);
    let ran = command.output().expect("the binary runs");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(!ran.status.success() && said.contains("nothing to compare"), "{said}");
    // A checkpoint that somebody made up.
    let note = signed.world.baton.data_dir().join("checkpoints/default/latest");
    let note = fs::read_to_string(note).expect("a note");
    let other = empty.join("note");
    fs::write(&other, note.replacen("\n2", "\n3", 1).replacen("\n1", "\n2", 1)).expect("a file");
    let other = other.to_str().expect("text");
    let faults = signed.faults(&signed.world.database, &["--checkpoint", other]).await;
    assert!(faults[0].contains("not signed by the key"), "{faults:?}");
}

/// The lines of a file, changed in some way.
type Change = fn(Vec<String>) -> Vec<String>;

/// What may be done to an export.
const FILE_CHANGES: [(&str, Change); 13] = [
    ("a line removed", |mut lines| {
        lines.remove(3);
        lines
    }),
    ("a line twice", |mut lines| {
        lines.insert(3, lines[3].clone());
        lines
    }),
    ("two lines swapped", |mut lines| {
        lines.swap(3, 4);
        lines
    }),
    ("the manifest cut off", |mut lines| {
        lines.pop();
        lines
    }),
    ("the last event cut off", |mut lines| {
        lines.remove(lines.len() - 2);
        lines
    }),
    ("all events cut off", |mut lines| lines.split_off(lines.len() - 1)),
    ("a line behind the manifest", |mut lines| {
        lines.push(lines[0].clone());
        lines
    }),
    ("an empty line", |mut lines| {
        lines.insert(1, "\n".to_owned());
        lines
    }),
    ("another account", |lines| replaced(&lines, "\"account_id\":\"default\"", "default", "other")),
    ("another actor", |lines| replaced(&lines, "\"actor\":\"agent:", "agent:", "agent-")),
    ("a space", |lines| replaced(&lines, ",\"version\":", ":", ": ")),
    ("a number as a truth", |lines| replaced(&lines, "\"version\":1,", "1,", "true,")),
    ("another time", |lines| replaced(&lines, "000Z\"", "000Z", "001Z")),
];

/// The first line that has the mark, changed behind it or in it.
fn replaced(lines: &[String], mark: &str, from: &str, to: &str) -> Vec<String> {
    let mut lines = lines.to_vec();
    let line = lines.iter_mut().find(|line| line.contains(mark)).expect("such a line");
    let at = line.find(mark).expect("it is there");
    let (before, rest) = line.split_at(at);
    assert!(rest.contains(from), "{rest}");
    *line = format!("{before}{}", rest.replacen(from, to, 1));
    lines
}

fn read_lines(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).expect("an export");
    text.split_inclusive('\n').map(str::to_owned).collect()
}

#[tokio::test]
async fn every_change_to_an_export_is_found_by_both_verifiers() {
    let signed = Signed::shared().await;
    let file = signed.export(&signed.world.database, &[]).await;
    assert!(signed.judge(&file).await);
    let lines = read_lines(&file);
    assert_eq!(i64::try_from(lines.len()), Ok(signed.head + 1), "an event a line, and one more");
    let mut changed = Vec::new();
    for (what, change) in FILE_CHANGES {
        changed.push((what.to_owned(), change(lines.clone()).concat().into_bytes()));
    }
    // One bit of any byte, anywhere.
    let whole = lines.concat().into_bytes();
    for n in 0..24 {
        let at = (whole.len() - 1) * n / 23;
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        changed.push((format!("bit 0 of byte {at}"), bytes));
    }
    let judged = changed.into_iter().map(|(what, bytes)| {
        let file = signed.place.join(Uuid::new_v4().to_string());
        fs::write(&file, bytes).expect("a file");
        let judged = signed.judge(&file);
        async move { (what, judged.await) }
    });
    for (what, holds) in stream::iter(judged).buffered(AT_ONCE).collect::<Vec<_>>().await {
        assert!(!holds, "{what} was not found");
    }
    // A key that is not the one that signed.
    let mut command = signed.world.baton.binary();
    let other = signed.key.replacen('A', "B", 1);
    let ran = command.args(["verify", "--key", &other, "--file"]).arg(&file).output();
    assert!(!ran.expect("the binary runs").status.success());
}

fn events(lines: &[String]) -> Vec<Value> {
    let events = lines.iter().map(|line| serde_json::from_str(line).expect("JSON"));
    let mut events: Vec<Value> = events.collect();
    events.pop();
    events
}

#[tokio::test]
async fn parts_of_the_log_are_exported_and_prove_what_they_are() {
    let signed = Signed::shared().await;
    let database = &signed.world.database;
    let all = events(&read_lines(&signed.export(database, &[]).await));
    let at = |n: usize| text(&all[n], "recorded_at");
    let (from, to) = (at(4), at(all.len() - 4));
    let actor = format!("agent:{}", signed.agent);
    let of_task = |event: &&Value| event["stream_kind"] == "task";
    let root = all.iter().filter(of_task).find(|event| event["stream_id"] == *signed.task);
    assert!(root.is_some(), "the task is in the log");
    let child = |event: &Value| event["data"]["parent"]["root_id"] == *signed.task;
    let child = all.iter().find(|event| child(event)).expect("a child")["stream_id"].clone();
    let in_chain =
        |event: &Value| event["stream_id"] == *signed.task || event["stream_id"] == child;
    let is_of_project = |event: &Value| event.to_string().contains(&signed.project);
    type Takes<'a> = Box<dyn Fn(&Value) -> bool + 'a>;
    let rows: [(&[&str], Takes<'_>, bool); 5] = [
        (
            &["--from", &from, "--to", &to],
            Box::new(|it| {
                (from.as_str()..to.as_str()).contains(&it["recorded_at"].as_str().unwrap())
            }),
            true,
        ),
        (&["--agent", &signed.agent], Box::new(|it| it["actor"] == *actor), false),
        (&["--task", child.as_str().unwrap()], Box::new(in_chain), false),
        (&["--project", &signed.project], Box::new(is_of_project), false),
        (&["--task", "00000000000000000000000000000000"], Box::new(|_| false), false),
    ];
    for (arguments, takes, is_complete) in rows {
        let file = signed.export(database, arguments).await;
        assert!(signed.judge(&file).await, "{arguments:?}");
        let lines = read_lines(&file);
        let seqs = |events: &[Value]| -> Vec<i64> {
            events.iter().map(|event| event["account_seq"].as_i64().expect("a number")).collect()
        };
        let expected: Vec<Value> = all.iter().filter(|it| takes(it)).cloned().collect();
        assert_eq!(seqs(&events(&lines)), seqs(&expected), "{arguments:?}");
        let manifest: Value =
            serde_json::from_str(lines.last().expect("a manifest")).expect("JSON");
        assert_eq!(manifest["range"].is_object(), is_complete, "{manifest}");
        // One event less is seen in a part, too.
        if lines.len() > 2 {
            let fewer = signed.place.join(Uuid::new_v4().to_string());
            fs::write(&fewer, [&lines[..1], &lines[2..]].concat().concat()).expect("a file");
            assert!(!signed.judge(&fewer).await, "{arguments:?}");
        }
    }
}

#[tokio::test]
async fn auditors_export_over_http_what_the_command_exports() {
    let world = World::new().await;
    let auditor = world.agent_with("auditor", json!({ "role": "auditor" })).await;
    let writer = world.agent("writer").await;
    for n in 0..3 {
        writer.task(&format!("task {n}, \"quoted\"")).await;
    }
    let answer = auditor.client.get("/v1/audit/export").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/x-ndjson; charset=utf-8");
    assert!(answer.header("content-disposition").contains("baton-default.jsonl"));
    let lines: Vec<String> = answer.text.split_inclusive('\n').map(str::to_owned).collect();
    let exported = events(&lines);
    let log = crate::record::log(&world.database.connect().await).await;
    let positions = |events: &[Value]| -> Vec<i64> {
        events.iter().map(|event| event["position"].as_i64().expect("a number")).collect()
    };
    // All that had happened when it was asked for.
    let expected: Vec<i64> = log.iter().map(|event| event.position).collect();
    assert_eq!(positions(&exported), expected);
    for (event, line) in log.iter().zip(&exported) {
        assert_eq!(line["data"], event.payload);
        assert_eq!(line["event_id"], json!(event.id));
    }
    let file = world.baton.data_dir().join("export.jsonl");
    fs::write(&file, &answer.text).expect("a file");
    let verified = world.baton.command(&["verify", "--file", file.to_str().expect("text")]).await;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let table = auditor.client.get("/v1/audit/export?format=csv&agent=me").await;
    assert_eq!(table.status, 200, "{}", table.text);
    assert!(table.header("content-type").starts_with("text/csv"));
    assert_eq!(table.text.lines().count(), 1, "the auditor has written nothing: {}", table.text);
    let path = format!("/v1/audit/export?format=csv&agent={}", writer.name);
    let table = auditor.client.get(&path).await.text;
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.contains("\"\"task 0, \\\"\"quoted\\\"\"\"\""), "{table}");
    let refused = writer.client.get("/v1/audit/export").await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    // Auditors read everything, and are seen to do so.
    assert_eq!(auditor.client.get("/v1/tasks?limit=1").await.status, 200);
    let reads = "select target from public.audit_reads where agent_id = $1 order by read_id";
    let id = auditor.id.parse::<Uuid>().expect("an id");
    let rows = world.database.connect().await.query(reads, &[&id]).await.expect("reads");
    let targets: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let expected = format!("/v1/audit/export?format=csv&agent={}", writer.name);
    let others = ["/v1/audit/export?format=csv&agent=me", expected.as_str(), "/v1/tasks?limit=1"];
    assert_eq!(targets[1..], others);
    let anybody = "select count(*) from public.audit_reads";
    let row = world.database.connect().await.query_one(anybody, &[]).await.expect("a count");
    assert_eq!(row.get::<_, i64>(0), 4, "of nobody else");
}
