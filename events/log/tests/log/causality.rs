//! What led to events and what they led to: lines, trees, where they are cut, and what they cost.

use baton_log::{Append, Log, NewEvent, StreamWrite, Trace, TraceBounds};
use serde_json::Value;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::commands::{ACCOUNT, committed, event, nothing, stream};
use crate::database::Database;
use crate::pages::cost;

const LARGE_AND_SMALL: &str = include_str!("sql/large_and_small.sql");
const READ_EFFECTS: &str = include_str!("../../src/sql/read_effects.sql");

const FAR: TraceBounds = TraceBounds { depth_max: 100, events_max: 100 };

/// Appends events, each with the cause it names, to a stream of their own.
async fn append(log: &Log, account: &str, cause: Option<Uuid>, events: Vec<NewEvent>) {
    let stream = stream(account, "task", &events[0].event_id.to_string());
    let write = StreamWrite { stream, expected_version: 0, events };
    let account = account.to_owned();
    let command = Append { account, causation_id: cause, writes: vec![write], ..nothing() };
    committed(log.append(command).await);
}

/// An event that `cause` led to: its id.
async fn led_to(log: &Log, cause: Option<Uuid>) -> Uuid {
    let one = event("{}");
    let id = one.event_id;
    append(log, ACCOUNT, cause, vec![one]).await;
    id
}

async fn causes(log: &Log, id: Uuid, bounds: TraceBounds) -> (Vec<(usize, Uuid)>, bool) {
    let of = log.link(ACCOUNT, id).await.unwrap().unwrap();
    told(log.causes(&of, bounds).await.unwrap())
}

async fn effects(log: &Log, id: Uuid, bounds: TraceBounds) -> (Vec<(usize, Uuid)>, bool) {
    let of = log.link(ACCOUNT, id).await.unwrap().unwrap();
    told(log.effects(&of, bounds).await.unwrap())
}

fn told(trace: Trace) -> (Vec<(usize, Uuid)>, bool) {
    let events = trace.events.iter().map(|traced| (traced.depth, traced.link.event_id));
    (events.collect(), trace.is_cut)
}

#[tokio::test]
async fn causes_are_a_line_and_effects_a_tree() {
    let database = Database::migrated().await;
    let log = database.node().await;
    let root = led_to(&log, None).await;
    let (one, other) = (led_to(&log, Some(root)).await, led_to(&log, Some(root)).await);
    // Of one command: the second event follows from the first, which follows from the cause.
    let (first, mut second) = (event("{}"), event("{}"));
    second.causation_id = Some(first.event_id);
    let (below, below_that) = (first.event_id, second.event_id);
    append(&log, ACCOUNT, Some(one), vec![first, second]).await;
    let last = led_to(&log, Some(other)).await;
    led_to(&log, None).await;
    // Another account cannot have been led to by it, whatever it says.
    append(&log, "other", Some(root), vec![event("{}")]).await;

    let line = vec![(1, below), (2, one), (3, root)];
    assert_eq!(causes(&log, below_that, FAR).await, (line, false));
    assert_eq!(causes(&log, root, FAR).await, (vec![], false));
    let tree = vec![(1, one), (1, other), (2, below), (3, below_that), (2, last)];
    assert_eq!(effects(&log, root, FAR).await, (tree, false));
    assert_eq!(effects(&log, last, FAR).await, (vec![], false));
    // What was committed here is in memory too.
    let events = log.after(3, 2).await.unwrap();
    let told: Vec<_> = events.iter().map(|event| event.causation_id).collect();
    assert_eq!(told, [Some(one), Some(below)]);
    let read = log.events(ACCOUNT, &[below_that, root]).await.unwrap();
    assert_eq!(read.iter().map(|event| event.position).collect::<Vec<_>>(), [1, 5]);
    assert_eq!(log.link("other", root).await.unwrap(), None);
    assert!(baton_log::link(&database.pool(), None, root).await.unwrap().is_some());
}

#[tokio::test]
async fn a_trace_says_where_it_was_cut() {
    let database = Database::migrated().await;
    let log = database.node().await;
    let mut line = vec![led_to(&log, None).await];
    for _ in 0..4 {
        line.push(led_to(&log, line.last().copied()).await);
    }
    let beside = led_to(&log, Some(line[0])).await;
    for (depth_max, events_max, found, is_cut) in
        [(4, 9, 4, false), (3, 9, 3, true), (9, 3, 3, true), (9, 0, 0, true), (0, 9, 0, true)]
    {
        let bounds = TraceBounds { depth_max, events_max };
        let (events, cut) = causes(&log, line[4], bounds).await;
        assert_eq!((events.len(), cut), (found, is_cut), "{bounds:?}");
        assert!(events.iter().all(|(depth, id)| line[4 - depth] == *id), "{events:?}");
    }
    for (depth_max, events_max, found, is_cut) in [
        (9, 9, vec![1, 2, 3, 4, 5], false),
        (4, 5, vec![1, 2, 3, 4, 5], false),
        (3, 9, vec![1, 2, 3, 5], true),
        (1, 9, vec![1, 5], true),
        // What is nearest comes first.
        (9, 3, vec![1, 2, 5], true),
        (9, 1, vec![1], true),
        (9, 0, vec![], true),
        (0, 9, vec![], true),
    ] {
        let bounds = TraceBounds { depth_max, events_max };
        let (events, cut) = effects(&log, line[0], bounds).await;
        let place = |id: Uuid| if id == beside { 5 } else { place_of(&line, id) };
        let events: Vec<usize> = events.into_iter().map(|(_, id)| place(id)).collect();
        assert_eq!((events, cut), (found, is_cut), "{bounds:?}");
    }
}

fn place_of(line: &[Uuid], id: Uuid) -> usize {
    line.iter().position(|one| *one == id).unwrap()
}

#[tokio::test]
async fn events_that_name_each_other_lead_nowhere() {
    let database = Database::migrated().await;
    let log = database.node().await;
    let (mut one, mut other) = (event("{}"), event("{}"));
    (one.causation_id, other.causation_id) = (Some(other.event_id), Some(one.event_id));
    let (first, second) = (one.event_id, other.event_id);
    append(&log, ACCOUNT, None, vec![one]).await;
    append(&log, ACCOUNT, None, vec![other]).await;
    assert_eq!(causes(&log, first, FAR).await, (vec![], false));
    assert_eq!(causes(&log, second, FAR).await, (vec![(1, first)], false));
    assert_eq!(effects(&log, first, FAR).await, (vec![(1, second)], false));
    assert_eq!(effects(&log, second, FAR).await, (vec![], false));
}

#[tokio::test]
async fn effects_cost_what_they_are_in_a_large_log() {
    let database = Database::migrated().await;
    let superuser = database.connect_as_superuser().await;
    superuser.execute(LARGE_AND_SMALL, &[&100_000_i64]).await.unwrap();
    let log = database.node().await;
    let cause = led_to(&log, None).await;
    for _ in 0..3 {
        led_to(&log, Some(cause)).await;
    }
    for analyse in ["select 1", "analyze public.events"] {
        superuser.batch_execute(analyse).await.unwrap();
        let (causes, positions, limit) = (vec![cause], vec![100_001_i64], 100_i64);
        let parameters: [&(dyn ToSql + Sync); 4] = [&ACCOUNT, &causes, &positions, &limit];
        let explained = format!("explain (analyze, buffers, format json) {READ_EFFECTS}");
        let plan: Value = superuser.query_one(&explained, &parameters).await.unwrap().get(0);
        let (mut rows, mut buffers) = (0.0, 0);
        cost(&plan[0]["Plan"], &mut rows, &mut buffers);
        assert!(rows < 10.0 && buffers < 20, "{rows} rows, {buffers} buffers: {plan:#}");
    }
}
