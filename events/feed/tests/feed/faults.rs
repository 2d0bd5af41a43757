//! Events that cannot be handled, and a database that goes away.

use baton_feed::spawn;
use baton_harness::wait_until;

use crate::support::{Call, Fault, Gate, SOON, Stage, World, Writer, soon, subscription, world};

const END_OPEN_TRANSACTIONS: &str = include_str!("sql/end_open_transactions.sql");
const END_BACKENDS: &str = include_str!("sql/end_backends.sql");

/// A bad event among good ones stops its subscription exactly there, until it is mended.
async fn check(fault: Fault, failure: &str) {
    let world = world().await;
    let bad = Writer::new("bad").with_fault(7, fault);
    let running = spawn(world.log.clone(), world.pool.clone(), subscription("bad"), bad.clone());
    let position = world.append(10).await;
    let told = stopped_at(&world, Some(7)).await;
    assert_eq!(told, failure);
    assert_eq!(world.status("bad").await.position, 6);
    assert_eq!(world.applied_positions().await, [1, 2, 3, 4, 5, 6]);

    // What comes later does not carry it along, and a mended handler goes on.
    world.append(1).await;
    assert_eq!(world.status("bad").await.lag, 5);
    bad.mend();
    assert!(running.wait_until(position + 1, soon()).await);
    assert_eq!(world.applied_positions().await, (1..=11).collect::<Vec<_>>());
    assert_eq!(world.status("bad").await.failure, None);
    assert!(bad.calls().contains(&Call::Acquired(6)), "told to forget what was rolled back");
}

async fn stopped_at(world: &World, position: Option<i64>) -> String {
    baton_harness::wait_for(SOON, "the failure is written down", async || {
        let failure = world.status("bad").await.failure?;
        (failure.position == position).then_some(failure.text)
    })
    .await
}

#[tokio::test]
async fn an_event_that_is_refused_stops_the_subscription() {
    check(Fault::Refused, "cannot apply: bad thing").await;
}

#[tokio::test]
async fn an_event_that_cannot_be_prepared_stops_the_subscription() {
    check(Fault::RefusedBefore, "cannot prepare: no such thing").await;
}

#[tokio::test]
async fn an_event_that_makes_bad_sql_stops_the_subscription() {
    let text = "cannot write what the event says: db error: ERROR: division by zero";
    check(Fault::BadSql, text).await;
}

#[tokio::test]
async fn an_event_that_is_refused_at_commit_stops_the_subscription() {
    let text = "cannot write what the event says: db error: ERROR: duplicate key value violates \
                unique constraint \"checked_late_n_key\"\nDETAIL: Key (n)=(1) already exists.";
    check(Fault::BadAtCommit, text).await;
}

#[tokio::test]
async fn an_event_that_makes_the_handler_panic_stops_the_subscription() {
    check(Fault::Panic, "the handler panicked: cannot even say why").await;
}

#[tokio::test]
async fn one_that_waits_for_something_else_says_so_and_blames_no_event() {
    let world = world().await;
    let waiting = Writer::new("bad").with_fault(3, Fault::Away);
    let running =
        spawn(world.log.clone(), world.pool.clone(), subscription("bad"), waiting.clone());
    let position = world.append(5).await;
    assert_eq!(stopped_at(&world, None).await, "cannot send: nobody listens");
    assert_eq!(world.applied().await, [], "the batch waits whole");
    waiting.mend();
    assert!(running.wait_until(position, soon()).await);
    assert_eq!(world.status("bad").await.failure, None);
}

#[tokio::test]
async fn a_bad_event_stops_no_other_subscription() {
    let world = world().await;
    let bad = Writer::new("bad").with_fault(1, Fault::Refused);
    let stuck = spawn(world.log.clone(), world.pool.clone(), subscription("bad"), bad);
    let fine = spawn(world.log.clone(), world.pool.clone(), subscription("ok"), Writer::new("ok"));
    let position = world.append(25).await;
    assert!(fine.wait_until(position, soon()).await);
    stopped_at(&world, Some(1)).await;
    assert_eq!(*stuck.position().borrow(), 0);
    // A stuck subscription can be stopped like any other, and gives its lease back.
    stuck.shutdown().await;
    assert_eq!(world.lease("bad").await.holder, None);
}

#[tokio::test]
async fn batches_that_a_crash_took_are_applied_again_without_a_new_event() {
    let world = world().await;
    let running = spawn(world.log.clone(), world.pool.clone(), subscription("w"), Writer::new("w"));
    let position = world.append(10).await;
    assert!(running.wait_until(position, soon()).await);
    world.sql.execute(include_str!("sql/lose_batches.sql"), &[]).await.unwrap();
    wait_until(SOON, "all of it is back", async || {
        world.applied_positions().await == (1..=10).collect::<Vec<_>>()
    })
    .await;
    assert!(running.wait_until(position, soon()).await);
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_of_a_batch_is_not_the_events_fault() {
    let world = world().await;
    let gate = Gate::new(Stage::Written, 1);
    let writer = Writer::new("w").with_gate(&gate);
    let running = spawn(world.log.clone(), world.pool.clone(), subscription("w"), writer);
    let position = world.append(1).await;
    gate.reached().await;
    let superuser = world.database.connect_as_superuser().await;
    let ended = superuser.query(END_OPEN_TRANSACTIONS, &[&world.database.name]).await.unwrap();
    assert_eq!(ended.len(), 1);
    gate.open();
    gate.open();
    assert!(running.wait_until(position, soon()).await);
    assert_eq!(world.applied_positions().await, [1]);
    assert_eq!(world.lease("w").await.epoch, 2, "acquired again, instead of blaming the event");
}

#[tokio::test]
async fn a_lost_database_is_nobodys_failure_and_nothing_is_repeated() {
    let world = world().await;
    let running = spawn(world.log.clone(), world.pool.clone(), subscription("w"), Writer::new("w"));
    let mut position = 0;
    for _ in 0..10 {
        let superuser = world.database.connect_as_superuser().await;
        let own = world.database.connect().await;
        drop(own);
        position = world.append(15).await;
        superuser.query(END_BACKENDS, &[&world.database.name]).await.unwrap();
        wait_until(SOON, "a status without failure", async || {
            let Ok(all) = baton_feed::status(&world.pool).await else { return false };
            assert!(all.iter().all(|status| status.failure.is_none()), "{all:?}");
            true
        })
        .await;
    }
    assert!(running.wait_until(position, soon()).await);
    let sql = world.database.connect().await;
    let rows = sql.query(include_str!("sql/read_applied.sql"), &[]).await.unwrap();
    let applied: Vec<i64> = rows.iter().map(|row| row.get("position")).collect();
    assert_eq!(applied, (1..=position).collect::<Vec<_>>());
}
