//! Pages of one account or stream: their order, place and filters, and what they cost.

use baton_log::{
    Append, EXAMINED_EVENTS_MAX, EventFilter, Log, NewEvent, PAGE_BYTES_MAX, Page, Scope, StreamId,
    StreamWrite,
};
use serde_json::Value;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::commands::{committed, nothing, stream};
use crate::database::Database;

const LARGE_AND_SMALL: &str = include_str!("sql/large_and_small.sql");
const EXPLAIN_ACCOUNT_PAGE: &str = include_str!("sql/explain_account_page.sql");
const EXPLAIN_STREAM_PAGE: &str = include_str!("sql/explain_stream_page.sql");
const READ_ACCOUNT_PAGE: &str = include_str!("../../src/sql/read_account_page.sql");
const READ_STREAM_PAGE: &str = include_str!("../../src/sql/read_stream_page.sql");

fn account(name: &str) -> Scope {
    Scope::Account(name.to_owned())
}

fn positions(page: &Page) -> Vec<i64> {
    page.events.iter().map(|event| event.position).collect()
}

/// One event of `event_type` on a stream, whose version before is `version`.
fn happens(at: StreamId, version: i64, event_type: &'static str) -> Append {
    let event = NewEvent {
        event_id: Uuid::now_v7(),
        event_type,
        schema_version: 1,
        payload: "{}".to_owned(),
        causation_id: None,
    };
    let account = at.account.clone();
    let write = StreamWrite { stream: at, expected_version: version, events: vec![event] };
    Append { account, writes: vec![write], ..nothing() }
}

/// Positions 1, 3, 4, 6 are of alfa, 2, 5 of bravo; 3 and 6 are of alfa's task two.
async fn two_accounts(log: &Log) -> Uuid {
    let (one, two) = (stream("alfa", "task", "one"), stream("alfa", "task", "two"));
    let other = stream("bravo", "task", "one");
    let known = Uuid::now_v7();
    for append in [
        happens(one.clone(), 0, "task.created"),
        happens(other.clone(), 0, "task.created"),
        happens(two.clone(), 0, "task.created"),
        Append { actor: "agent:x".to_owned(), ..happens(one, 1, "task.completed") },
        happens(other, 1, "task.completed"),
        Append { correlation_id: known, ..happens(two, 1, "webhook.created") },
    ] {
        committed(log.append(append).await);
    }
    known
}

#[tokio::test]
async fn a_page_begins_above_its_position_and_stays_in_its_scope() {
    let database = Database::migrated().await;
    let log = database.node().await;
    let empty = log.page(&account("alfa"), 7, &EventFilter::default(), 10).await.unwrap();
    assert_eq!(empty, Page { events: vec![], to: 7, head: 0 });
    two_accounts(&log).await;
    let two = Scope::Stream(stream("alfa", "task", "two"));
    let (alfa, bravo) = (account("alfa"), account("bravo"));
    for (scope, after, limit, expected, to, head) in [
        (&alfa, 0, 10, vec![1, 3, 4, 6], 6, 6),
        (&alfa, 1, 10, vec![3, 4, 6], 6, 6),
        (&alfa, 2, 10, vec![3, 4, 6], 6, 6),
        (&alfa, 2, 2, vec![3, 4], 4, 6),
        (&alfa, 3, 1, vec![4], 4, 6),
        (&alfa, 5, 10, vec![6], 6, 6),
        (&alfa, 6, 10, vec![], 6, 6),
        (&alfa, 99, 10, vec![], 99, 6),
        (&alfa, i64::MAX, 10, vec![], i64::MAX, 6),
        (&alfa, 0, 0, vec![], 0, 6),
        (&bravo, 0, 10, vec![2, 5], 5, 5),
        (&bravo, 3, 10, vec![5], 5, 5),
        (&two, 0, 10, vec![3, 6], 6, 6),
        (&two, 3, 10, vec![6], 6, 6),
        (&two, 4, 10, vec![6], 6, 6),
        (&two, 6, 10, vec![], 6, 6),
        (&account("nobody"), 0, 10, vec![], 0, 0),
    ] {
        let page = log.page(scope, after, &EventFilter::default(), limit).await.unwrap();
        let found = (positions(&page), page.to, page.head);
        assert_eq!(found, (expected, to, head), "{scope:?} above {after}, {limit}");
    }
}

#[tokio::test]
async fn a_filter_passes_in_the_log_what_it_passes_in_memory() {
    let database = Database::migrated().await;
    let log = database.node().await;
    let correlation = two_accounts(&log).await;
    let texts = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let all = log.page(&account("alfa"), 0, &EventFilter::default(), 10).await.unwrap();
    let none = EventFilter::default();
    for (filter, expected) in [
        (EventFilter { types: texts(&["task.created"]), ..none.clone() }, vec![1, 3]),
        (EventFilter { types: texts(&["task"]), ..none.clone() }, vec![]),
        (EventFilter { families: texts(&["task"]), ..none.clone() }, vec![1, 3, 4]),
        (EventFilter { families: texts(&["tas"]), ..none.clone() }, vec![]),
        (
            EventFilter {
                types: texts(&["task.completed"]),
                families: texts(&["webhook"]),
                ..none.clone()
            },
            vec![4, 6],
        ),
        (EventFilter { actor: Some("agent:x".to_owned()), ..none.clone() }, vec![4]),
        (EventFilter { correlation_id: Some(correlation), ..none.clone() }, vec![6]),
        (
            EventFilter {
                actor: Some("agent:x".to_owned()),
                correlation_id: Some(correlation),
                ..none
            },
            vec![],
        ),
    ] {
        let page = log.page(&account("alfa"), 0, &filter, 10).await.unwrap();
        assert_eq!(positions(&page), expected, "{filter:?}");
        assert_eq!((page.to, page.head), (6, 6), "everything was examined: {filter:?}");
        let passing = all.events.iter().filter(|event| filter.passes(event));
        let passing: Vec<i64> = passing.map(|event| event.position).collect();
        assert_eq!(passing, expected, "{filter:?}");
    }
}

#[tokio::test]
async fn a_page_examines_no_more_than_its_bound_and_says_how_far_it_came() {
    let database = Database::migrated().await;
    let log = database.node().await;
    let events = EXAMINED_EVENTS_MAX + 1_000;
    let superuser = database.connect_as_superuser().await;
    superuser.execute(LARGE_AND_SMALL, &[&events]).await.unwrap();
    let nothing = EventFilter { types: vec!["task.exploded".to_owned()], ..Default::default() };
    let page = log.page(&account("large"), 0, &nothing, 10).await.unwrap();
    // Five of the first 5,005 are the small account's.
    assert_eq!((positions(&page), page.to), (vec![], EXAMINED_EVENTS_MAX + 5));
    let page = log.page(&account("large"), page.to, &nothing, 10).await.unwrap();
    assert_eq!((positions(&page), page.to, page.head), (vec![], events - 1, events - 1));
}

#[tokio::test]
async fn a_page_of_large_events_ends_early_and_the_next_goes_on() {
    let database = Database::migrated().await;
    let log = database.node().await;
    let payload = format!("{{\"padding\": \"{}\"}}", "x".repeat(PAGE_BYTES_MAX / 8));
    for version in 0..20 {
        let mut append = happens(stream("alfa", "task", "one"), version, "task.updated");
        append.writes[0].events[0].payload.clone_from(&payload);
        committed(log.append(append).await);
    }
    for scope in [account("alfa"), Scope::Stream(stream("alfa", "task", "one"))] {
        let mut after = 0;
        for (expected, to) in [(1..9, 8), (9..17, 16), (17..21, 20), (21..21, 20)] {
            let page = log.page(&scope, after, &EventFilter::default(), 100).await.unwrap();
            assert_eq!((positions(&page), page.to, page.head), (expected.collect(), to, 20));
            after = page.to;
        }
    }
}

/// Everything below a plan that touched the log: rows it returned or threw away, and pages.
pub(crate) fn cost(plan: &Value, rows: &mut f64, buffers: &mut i64) {
    let number = |name: &str| plan[name].as_f64().unwrap_or_default();
    if plan["Relation Name"] == "events" {
        assert_ne!(plan["Node Type"], "Seq Scan", "{plan}");
        let thrown_away =
            number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
        *rows += (number("Actual Rows") + thrown_away) * number("Actual Loops");
        *buffers += plan["Shared Hit Blocks"].as_i64().unwrap_or_default()
            + plan["Shared Read Blocks"].as_i64().unwrap_or_default();
    }
    for below in plan["Plans"].as_array().into_iter().flatten() {
        cost(below, rows, buffers);
    }
}

/// What a page of the small account's ten events above position 50,500 may cost: its 50 later
/// events, 10 of them whole, the head, and the halving's probes.
fn is_cheap(plan: &Value) {
    let (mut rows, mut buffers) = (0.0, 0);
    cost(&plan[0]["Plan"], &mut rows, &mut buffers);
    assert!(rows < 100.0, "{rows} rows: {plan:#}");
    assert!(buffers < 600, "{buffers} buffers: {plan:#}");
}

#[tokio::test]
async fn a_small_account_in_a_large_log_does_not_read_the_others_events() {
    let database = Database::migrated().await;
    let superuser = database.connect_as_superuser().await;
    superuser.execute(LARGE_AND_SMALL, &[&100_000_i64]).await.unwrap();
    // A plan is as bad as its statistics: none, and true ones.
    for analyse in ["select 1", "analyze public.events"] {
        superuser.batch_execute(analyse).await.unwrap();
        let none: Option<Vec<String>> = None;
        let (no_text, no_id): (Option<String>, Option<Uuid>) = (None, None);
        let (after, limit) = (50_500_i64, 10_i64);
        let tail: [&(dyn ToSql + Sync); 7] =
            [&after, &EXAMINED_EVENTS_MAX, &limit, &none, &none, &no_text, &no_id];
        let account: [&(dyn ToSql + Sync); 1] = [&"small"];
        let stream: [&(dyn ToSql + Sync); 3] = [&"small", &"task", &"one"];
        for (sql, scope) in [(READ_ACCOUNT_PAGE, &account[..]), (READ_STREAM_PAGE, &stream[..])] {
            let parameters = [scope, &tail[..]].concat();
            let explained = format!("explain (analyze, buffers, format json) {sql}");
            let row = superuser.query_one(&explained, &parameters).await.unwrap();
            is_cheap(&row.get(0));
        }
        // A statement that was prepared long ago may have a plan that knows no values.
        superuser.batch_execute("set plan_cache_mode = force_generic_plan").await.unwrap();
        for (name, sql, explain) in [
            ("account_page", READ_ACCOUNT_PAGE, EXPLAIN_ACCOUNT_PAGE),
            ("stream_page", READ_STREAM_PAGE, EXPLAIN_STREAM_PAGE),
        ] {
            superuser.batch_execute(&format!("prepare {name} as {sql}")).await.unwrap();
            let plan: Value = superuser.query_one(explain, &[]).await.unwrap().get(0);
            assert!(plan.to_string().contains("$1"), "a plan that knows no values: {plan:#}");
            is_cheap(&plan);
        }
        superuser.batch_execute("deallocate all; reset plan_cache_mode").await.unwrap();
    }
    let log = database.node().await;
    let page = log.page(&account("small"), 50_500, &EventFilter::default(), 10).await.unwrap();
    let expected: Vec<i64> = (51..=60).map(|n| n * 1_000).collect();
    assert_eq!((positions(&page), page.head), (expected, 100_000));
}
