//! Random commands from two nodes against a model that is a list: P2 and P4 hold for all of them.

use std::collections::HashMap;

use baton_log::{Append, Appended, Log, RecordedEvent, StreamId};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::task::JoinSet;

use crate::commands::{Commands, nothing, stream};
use crate::database::Database;

const STREAMS: usize = 4;
/// So far ahead that no other command can make a stale one right.
const NEVER: i64 = 1_000_000;
const ACCOUNTS: [&str; 2] = ["alfa", "bravo"];

/// What a random command does; versions come from the log just before it is sent.
#[derive(Clone, Debug)]
struct Step {
    account: usize,
    writes: [bool; STREAMS],
    guards: [bool; STREAMS],
    head: bool,
    stale: bool,
    node: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        0..ACCOUNTS.len(),
        prop::array::uniform4(prop::bool::weighted(0.3)),
        prop::array::uniform4(prop::bool::weighted(0.2)),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        any::<bool>(),
    );
    let step = step.prop_map(|(account, writes, guards, head, stale, node)| Step {
        account,
        writes,
        guards,
        head,
        stale,
        node,
    });
    prop::collection::vec(step, 1..40)
}

fn streams(account: usize) -> Vec<StreamId> {
    (0..STREAMS).map(|id| stream(ACCOUNTS[account], "task", &id.to_string())).collect()
}

/// The command that a step stands for, on what the log says now.
async fn command(log: &Log, step: &Step) -> Append {
    let streams = streams(step.account);
    let versions = log.versions(&streams).await.unwrap();
    let (head, _) = log.account_head(ACCOUNTS[step.account]).await.unwrap();
    let mut append = Append { account: ACCOUNTS[step.account].to_owned(), ..nothing() };
    for (id, (stream, version)) in streams.into_iter().zip(versions).enumerate() {
        if step.writes[id] {
            append = append.and_write(stream, version + if step.stale { NEVER } else { 0 });
        } else if step.guards[id] {
            append = append.and_guard(stream, version);
        }
    }
    if step.head { append.and_head(head) } else { append }
}

/// What was committed, with its receipt's positions.
type Committed = Vec<(Append, i64, i64)>;

async fn run(nodes: &[Log; 2], reader: &Log, steps: Vec<Step>) -> (Committed, Vec<RecordedEvent>) {
    let before = reader.head().await.unwrap();
    let mut running = JoinSet::new();
    for step in steps {
        let log = nodes[usize::from(step.node)].clone();
        running.spawn(async move {
            let append = command(&log, &step).await;
            let stale = step.stale && step.writes.contains(&true);
            match log.append(append.clone()).await {
                Ok(Appended::Committed(receipt)) => {
                    assert!(!stale, "a stale command was committed");
                    Some((append, receipt.first_position, receipt.position))
                }
                Err(baton_log::AppendError::Conflict) => None,
                other => panic!("{other:?}"),
            }
        });
    }
    let mut committed = Vec::new();
    while let Some(outcome) = running.join_next().await {
        committed.extend(outcome.unwrap());
    }
    // It appends nothing, so it has nothing in memory: it reads the table.
    let events = reader.after(before, 1_000).await.unwrap();
    for node in nodes {
        compare(node, before, &events).await;
    }
    (committed, events)
}

/// What a node answers, be it from memory or from the table, is what the table holds: from each
/// position on, page after page.
async fn compare(node: &Log, before: i64, events: &[RecordedEvent]) {
    for (after, expected) in (before..).zip((0..=events.len()).map(|from| &events[from..])) {
        let mut read: Vec<RecordedEvent> = Vec::new();
        loop {
            let last = read.last().map_or(after, |event| event.position);
            let page = node.after(last, 7).await.unwrap();
            if page.is_empty() {
                break;
            }
            read.extend(page);
        }
        assert_eq!(read, expected, "above {after}");
    }
}

/// Replays the committed commands in position order on a list and compares with the log.
fn check(mut committed: Committed, events: &[RecordedEvent], model: &mut Model) {
    committed.retain(|(append, ..)| !append.writes.is_empty());
    committed.sort_by_key(|(_, first, _)| *first);
    let mut events = events.iter();
    for (append, first, last) in committed {
        for guard in &append.guards {
            assert_eq!(model.version(&guard.stream), guard.version, "a guard was passed over");
        }
        if let Some(head) = append.head {
            assert_eq!(model.account_seq(&append.account), head, "a head was passed over");
        }
        assert_eq!(first, model.position + 1, "a gap");
        for write in &append.writes {
            assert_eq!(model.version(&write.stream), write.expected_version);
            for sent in &write.events {
                let event = events.next().expect("every committed event is in the log");
                model.apply(event);
                assert_eq!((&event.stream, event.event_id), (&write.stream, sent.event_id));
            }
        }
        assert_eq!(last, model.position);
    }
    assert_eq!(events.next(), None, "an event that nobody was told of");
}

#[derive(Default)]
struct Model {
    position: i64,
    versions: HashMap<StreamId, i64>,
    account_seqs: HashMap<String, i64>,
}

impl Model {
    fn version(&self, stream: &StreamId) -> i64 {
        self.versions.get(stream).copied().unwrap_or_default()
    }

    fn account_seq(&self, account: &str) -> i64 {
        self.account_seqs.get(account).copied().unwrap_or_default()
    }

    fn apply(&mut self, event: &RecordedEvent) {
        self.position += 1;
        let version = self.version(&event.stream) + 1;
        let account_seq = self.account_seq(&event.stream.account) + 1;
        assert_eq!(
            (event.position, event.version, event.account_seq),
            (self.position, version, account_seq)
        );
        self.versions.insert(event.stream.clone(), version);
        self.account_seqs.insert(event.stream.account.clone(), account_seq);
    }
}

#[test]
fn whatever_two_nodes_append_the_log_is_one_gapless_serial_history() {
    const CASES: u32 = 24;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(Database::migrated());
    let nodes = runtime.block_on(async { [database.node().await, database.node().await] });
    let reader = runtime.block_on(database.node());
    // One log for all cases: each goes on where the last one ended.
    let model = std::cell::RefCell::new(Model::default());
    let config = Config { cases: CASES, max_shrink_iters: 0, ..Config::default() };
    TestRunner::new(config)
        .run(&steps(), |steps| {
            let (committed, events) = runtime.block_on(run(&nodes, &reader, steps));
            check(committed, &events, &mut model.borrow_mut());
            Ok(())
        })
        .unwrap();
}
