//! The ledger as its readers meet it: checkpoints and proofs, checked by code of this file alone,
//! written from `docs/audit.md`; copies outside the database; what stops it.

use std::fs;
use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use baton_harness::client::Client;
use baton_harness::{wait_for, wait_until};
use jiff::Timestamp;
use reqwest::Method;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::operations::{becomes, metrics, of, ready};
use crate::record;
use crate::world::{
    Agent, LIMIT, World, assert_has, assert_timestamp, patiently, problem, text, wrong_field,
};

type Hash = [u8; 32];

const CHANGE: &str = "alter table public.events disable trigger events_refuse_update_delete; \
     update public.events set actor = 'nobody', content_hash = sha256('forged') \
     where account_id = 'default' and account_seq = 2";

fn decoded(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap_or_else(|_| panic!("base64: {text}"))
}

fn hash(document: &Value, member: &str) -> Hash {
    decoded(&text(document, member)).try_into().expect("32 bytes")
}

fn number(document: &Value, member: &str) -> u64 {
    document[member].as_u64().unwrap_or_else(|| panic!("{member} of {document}"))
}

fn proof(document: &Value) -> Vec<Hash> {
    let hashes = document["proof"].as_array().expect("a proof").iter();
    hashes.map(|it| decoded(it.as_str().expect("text")).try_into().expect("32 bytes")).collect()
}

fn over(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The leaf of docs/audit.md.
fn leaf(document: &Value) -> Hash {
    let at: Timestamp = text(document, "recorded_at").parse().expect("a time");
    Sha256::new()
        .chain_update([0])
        .chain_update(number(document, "position").to_be_bytes())
        .chain_update(number(document, "account_seq").to_be_bytes())
        .chain_update(at.as_microsecond().to_be_bytes())
        .chain_update(hash(document, "content_hash"))
        .finalize()
        .into()
}

/// RFC 9162, 2.1.3.2.
fn included(leaf: Hash, index: u64, size: u64, proof: &[Hash]) -> Hash {
    let (mut at, mut last, mut root) = (index, size - 1, leaf);
    for hash in proof {
        assert_ne!(last, 0, "the proof is too long");
        if at & 1 == 1 || at == last {
            root = over(hash, &root);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            root = over(&root, hash);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    assert_eq!(last, 0, "the proof is too short");
    root
}

/// RFC 9162, 2.1.4.2: both roots that the proof leads to.
fn grown(from: (u64, Hash), to: u64, proof: &[Hash]) -> (Hash, Hash) {
    let whole: Vec<Hash> = match from.0.is_power_of_two() {
        true => [from.1].iter().chain(proof).copied().collect(),
        false => proof.to_vec(),
    };
    let (mut at, mut last) = (from.0 - 1, to - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let (mut smaller, mut larger) = (whole[0], whole[0]);
    for hash in &whole[1..] {
        assert_ne!(last, 0, "the proof is too long");
        if at & 1 == 1 || at == last {
            (smaller, larger) = (over(hash, &smaller), over(hash, &larger));
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            larger = over(&larger, hash);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    assert_eq!(last, 0, "the proof is too short");
    (smaller, larger)
}

/// Size and root of a signed note, if its signature is good: c2sp.org/signed-note.
fn opened(note: &str, key: &str) -> (u64, Hash) {
    let (name, rest) = key.split_once('+').expect("a name");
    let (id, public) = rest.split_once('+').expect("an id");
    let public = decoded(public);
    assert_eq!(public[0], 1, "Ed25519");
    let named = Sha256::new().chain_update(name).chain_update("\n").chain_update(&public);
    assert_eq!(hex::encode(&named.finalize()[..4]), id);
    let (body, signatures) = note.split_once("\n\n").expect("a note");
    let body = format!("{body}\n");
    let line = signatures.strip_suffix('\n').expect("one line");
    let signature = line.strip_prefix(&format!("\u{2014} {name} ")).expect("signed by its origin");
    let signature = decoded(signature);
    assert_eq!(hex::encode(&signature[..4]), id);
    let key = UnparsedPublicKey::new(&ED25519, &public[1..]);
    key.verify(body.as_bytes(), &signature[4..]).expect("a good signature");
    let lines: Vec<&str> = body.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, name));
    (lines[1].parse().expect("a size"), decoded(lines[2]).try_into().expect("a root"))
}

/// The checkpoint, as one that covers the position.
async fn checkpoint(client: &Client, position: i64) -> Value {
    let asked = client.request(Method::GET, "/v1/ledger/checkpoint");
    let asked = asked.header("Baton-Min-Position", position);
    baton_harness::client::send(asked).await.expect(200)
}

async fn events(world: &World) -> Vec<Value> {
    let page = world.project().get("/v1/events?limit=1000").await.expect(200);
    page["items"].as_array().expect("events").clone()
}

/// Some tasks, and the position of the last event.
async fn tasks(agent: &Agent, count: usize) {
    for number in 0..count {
        agent.task(&format!("task {number}")).await;
    }
}

#[tokio::test]
async fn every_event_is_proved_to_be_in_a_signed_checkpoint_and_checkpoints_to_grow() {
    let world = World::new().await;
    let admin = world.project();
    problem(&admin.get("/v1/ledger/checkpoint").await, 404);
    let agent = world.agent("ada").await;
    // Nobody asked for a position: there is one within a second all the same.
    let first = admin.get("/v1/ledger/checkpoint").await.expect(200);
    tasks(&agent, 9).await;
    let head = record::caught_up(&world).await;
    let last = checkpoint(&admin, head).await;
    assert_has(&last, json!({ "position": head, "head": { "size": head, "position": head } }));
    for time in ["recorded_at", "signed_at"] {
        assert_timestamp(&last[time]);
    }
    let key = text(&last, "key");
    let signed = opened(&text(&last, "note"), &key);
    assert_eq!(signed, (number(&last, "size"), hash(&last, "root")));
    let events = events(&world).await;
    assert_eq!(events.len() as u64, signed.0);
    for event in &events {
        let path = format!("/v1/ledger/inclusion?event={}", text(event, "id"));
        let proved = admin.get(&path).await.expect(200);
        for (member, name) in [("position", "position"), ("account_seq", "accountseq")] {
            assert_eq!(proved[member].to_string(), text(event, name), "{proved}");
        }
        assert_eq!(proved["recorded_at"], event["time"]);
        let (index, leaf) = (number(&proved, "leaf_index"), leaf(&proved));
        assert_eq!((index + 1, leaf), (number(&proved, "account_seq"), hash(&proved, "leaf_hash")));
        assert_eq!(included(leaf, index, signed.0, &proof(&proved)), signed.1, "{proved}");
        assert_eq!((&proved["note"], &proved["key"]), (&last["note"], &last["key"]));
    }
    // In a tree of another size: what was signed of it then.
    let (from, root) = opened(&text(&first, "note"), &key);
    let first_event = text(&events[0], "id");
    let path = format!("/v1/ledger/inclusion?event={first_event}&size={from}");
    let proved = admin.get(&path).await.expect(200);
    assert_eq!(included(leaf(&proved), 0, from, &proof(&proved)), root);
    assert_eq!(proved["note"], Value::Null);
    let path = format!("/v1/ledger/consistency?from={from}");
    let proved = admin.get(&path).await.expect(200);
    assert_eq!((number(&proved, "from"), number(&proved, "to")), (from, signed.0));
    assert_eq!(grown((from, root), signed.0, &proof(&proved)), (root, signed.1), "{proved}");
    assert_eq!(proved["note"], last["note"]);
    let path = format!("/v1/ledger/consistency?from=1&to={from}");
    assert_eq!(admin.get(&path).await.expect(200)["note"], Value::Null);
    refused(&world, &first_event, signed.0).await;
}

/// What cannot be proved, and why.
async fn refused(world: &World, event: &str, size: u64) {
    let admin = world.project();
    let (inclusion, consistency) = ("/v1/ledger/inclusion", "/v1/ledger/consistency");
    let more = size + 1;
    for (path, field) in [
        (inclusion.to_owned(), "event"),
        (format!("{inclusion}?event=7"), "event"),
        (format!("{inclusion}?event={event}&size=0"), "size"),
        (format!("{inclusion}?event={event}&size={more}"), "size"),
        (consistency.to_owned(), "from"),
        (format!("{consistency}?from=0"), "from"),
        (format!("{consistency}?from={more}"), "from"),
        (format!("{consistency}?from=1&to={more}"), "to"),
        (format!("{consistency}?from=2&to=1"), "to"),
    ] {
        wrong_field(&admin.get(&path).await, field);
    }
    let unknown = format!("{inclusion}?event={}", Uuid::now_v7());
    problem(&admin.get(&unknown).await, 404);
    // Nor is there another account's event.
    let other = world.another_account("elsewhere").await;
    problem(&other.get(&format!("{inclusion}?event={event}")).await, 404);
    let theirs = checkpoint(&other, 0).await;
    assert!(text(&theirs, "origin").ends_with("/elsewhere"), "{theirs}");
    assert!(number(&theirs, "size") < size, "{theirs}");
}

fn latest(directory: &Path) -> Option<String> {
    fs::read_to_string(directory.join("default/latest")).ok()
}

#[tokio::test]
async fn what_is_signed_gets_outside_the_database_and_operators_see_what_has_not() {
    let directory = std::env::temp_dir().join(crate::world::fresh("baton-checkpoints"));
    let mut world = World::with(|builder| builder.env("BATON_CHECKPOINT_DIR", &directory)).await;
    let agent = world.agent("ada").await;
    tasks(&agent, 3).await;
    let head = record::caught_up(&world).await;
    let admin = world.project();
    let is_anchored = async |head: i64| {
        let last = admin.get("/v1/ledger/checkpoint").await.expect(200);
        (last["anchored"]["size"] == head).then_some(last)
    };
    let last = wait_for(LIMIT, "the checkpoint is outside", async || is_anchored(head).await).await;
    assert_timestamp(&last["anchored"]["at"]);
    assert_eq!(latest(&directory), Some(text(&last, "note")));
    let document = becomes(&world.baton, 200, "ok").await;
    let ledger = json!({
        "status": "ok", "accounts": 1, "unanchored_accounts": 0, "unanchored_events": 0,
        "unanchored_ms": 0,
    });
    assert_eq!(document["ledger"], ledger);
    let seen = metrics(&world.baton).await;
    assert_eq!(seen.value("baton_ledger_events_unanchored", &[]), Some(0.0));
    assert!(seen.value("baton_ledger_anchored_total", &[]).is_some_and(|count| count >= 1.0));

    // After a crash it goes on, and what was kept is the beginning of what comes.
    let (from, root) = opened(&text(&last, "note"), &text(&last, "key"));
    world.baton.kill9();
    world.baton.restart().await;
    let agent = Agent { client: agent.client.at(&world.baton), ..agent };
    tasks(&agent, 2).await;
    let admin = world.project();
    let head = record::caught_up(&world).await;
    let proved =
        patiently(&admin, &format!("/v1/ledger/consistency?from={from}")).await.expect(200);
    assert_eq!(proved["to"], head);
    let to = opened(&text(&proved, "note"), &text(&proved, "key"));
    assert_eq!(grown((from, root), to.0, &proof(&proved)), (root, to.1));
    wait_until(LIMIT, "the next one is outside too", async || {
        latest(&directory).is_some_and(|note| opened(&note, &text(&proved, "key")) == to)
    })
    .await;
    fs::remove_dir_all(&directory).expect("the directory");
}

/// The directory is in the data directory where nobody said otherwise.
fn default_directory(world: &World) -> PathBuf {
    world.baton.data_dir().join("checkpoints")
}

#[tokio::test]
async fn a_changed_log_stops_the_ledger_loudly_and_nothing_else() {
    let mut world = World::new().await;
    let agent = world.agent("ada").await;
    tasks(&agent, 3).await;
    record::caught_up(&world).await;
    let kept = wait_for(LIMIT, "a checkpoint is kept", async || latest(&default_directory(&world)));
    let kept = kept.await;
    world.baton.stop().await;
    let superuser = world.database.connect_as_superuser().await;
    superuser.batch_execute(CHANGE).await.expect("a superuser may do anything");
    world.baton.restart().await;
    let agent = Agent { client: agent.client.at(&world.baton), ..agent };
    let before = world.project().get("/v1/ledger/checkpoint").await.expect(200);
    // The next event of the account shows it, and is recorded all the same.
    let task = agent.task_id("after").await;
    let failed = wait_for(LIMIT, "the ledger stands still", async || {
        let document = ready(&world.baton).await.body;
        (of(&document, "ledger")["status"] == "failed").then_some(document)
    })
    .await;
    assert_eq!(failed["status"], "degraded", "{failed}");
    let what = "the log, the ledger and its checkpoints differ";
    assert_eq!(of(&failed, "ledger")["failure"]["what"], what, "{failed}");
    let labels = [("subscription", "ledger")];
    let seen = metrics(&world.baton).await;
    assert_eq!(seen.value("baton_subscription_failed", &labels), Some(1.0));
    let status = world.baton.command(&["status"]).await;
    let said = String::from_utf8(status.stdout).expect("text");
    assert!(!status.status.success() && said.contains("the tree of account default"), "{said}");
    let after = world.project().get("/v1/ledger/checkpoint").await.expect(200);
    assert_eq!(after["note"], before["note"], "nothing more is signed");
    let path = format!("/v1/tasks/{task}");
    assert_eq!(patiently(&agent.client, &path).await.expect(200)["content"], "after");
    let now = latest(&default_directory(&world)).expect("it is still there");
    let key = text(&before, "key");
    assert_eq!(opened(&now, &key), opened(&text(&before, "note"), &key));
    assert!(opened(&kept, &key).0 <= opened(&now, &key).0);
}
