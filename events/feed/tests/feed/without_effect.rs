//! Events that do not concern a handler: no transaction, and a checkpoint that follows soon,
//! whoever dies, fails, takes over or locks it in between.

use std::time::Duration;

use baton_feed::{Running, spawn};
use baton_harness::wait_until;
use baton_log::Position;
use tokio::time::Instant;

use crate::support::{
    Call, Fault, Gate, SOON, Stage, World, Writer, pool, soon, subscription, world,
};

const LOCK_CHECKPOINT: &str = include_str!("sql/lock_checkpoint.sql");
const END_BACKENDS: &str = include_str!("sql/end_backends.sql");

fn nothing(_position: Position) -> bool {
    false
}

fn every_third(position: Position) -> bool {
    position % 3 == 0
}

fn follow(world: &World, writer: &Writer) -> Running {
    spawn(world.log.clone(), world.pool.clone(), subscription("w"), writer.clone())
}

/// The position that others read.
async fn saved(world: &World) -> Position {
    world.status("w").await.position
}

async fn must_be_saved(world: &World, position: Position) {
    wait_until(SOON, "the checkpoint follows", async || saved(world).await == position).await;
}

#[tokio::test]
async fn no_transaction_is_made_and_the_checkpoint_follows_soon() {
    let world = world().await;
    let writer = Writer::new("w").concerned_by(nothing);
    let running = follow(&world, &writer);
    let start = Instant::now();
    for _ in 0..20 {
        let position = world.append(2).await;
        assert!(running.wait_until(position, soon()).await);
        must_be_saved(&world, position).await;
    }
    // Twenty polls would take ten seconds.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let applied = |call: &Call| matches!(call, Call::Apply(_));
    assert!(!writer.calls().iter().any(applied), "{:?}", writer.calls());
    assert_eq!(world.lease("w").await.epoch, 1);
}

#[tokio::test]
async fn the_checkpoint_follows_also_while_there_is_always_more() {
    let world = world().await;
    let running = follow(&world, &Writer::new("w").concerned_by(nothing));
    let start = Instant::now();
    wait_until(SOON, "it moves although events keep coming", async || {
        // Closer together than what is waited for.
        let position = world.append(1).await;
        assert!(running.wait_until(position, soon()).await);
        saved(&world).await > 0
    })
    .await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn events_with_and_without_effect_are_each_handled_once() {
    let world = world().await;
    let writer = Writer::new("w").concerned_by(every_third);
    let running = follow(&world, &writer);
    let mut position = 0;
    for events in [1, 1, 1, 2, 1, 13, 1, 1, 4, 2, 2, 1, 25, 1] {
        position = world.append(events).await;
        assert!(running.wait_until(position, soon()).await);
    }
    let third: Vec<Position> = (1..=position).filter(|position| position % 3 == 0).collect();
    assert_eq!(world.applied_positions().await, third);
    must_be_saved(&world, position).await;
    let before: Vec<Position> = writer.calls().into_iter().flat_map(seen_before).collect();
    assert_eq!(before, (1..=position).collect::<Vec<_>>());
    assert_eq!(world.lease("w").await.epoch, 1, "every batch moved the row that it found");
}

fn seen_before(call: Call) -> Vec<Position> {
    match call {
        Call::Before(positions) => positions,
        Call::Acquired(_) | Call::Apply(_) => vec![],
    }
}

#[tokio::test]
async fn one_that_stops_saves_what_it_has_handled() {
    let world = world().await;
    for _ in 0..5 {
        let running = follow(&world, &Writer::new("w").concerned_by(nothing));
        let position = world.append(3).await;
        assert!(running.wait_until(position, soon()).await);
        running.shutdown().await;
        let status = world.status("w").await;
        assert_eq!((status.position, status.holder), (position, None));
    }
}

#[tokio::test]
async fn a_failure_is_written_down_where_it_stands() {
    let world = world().await;
    let bad = |position| position > 6;
    let writer = Writer::new("w").concerned_by(bad).with_fault(7, Fault::Refused);
    let running = follow(&world, &writer);
    let position = world.append(8).await;
    wait_until(SOON, "a failure", async || world.status("w").await.failure.is_some()).await;
    let status = world.status("w").await;
    assert_eq!((status.position, status.failure.unwrap().position), (6, Some(7)));
    writer.mend();
    assert!(running.wait_until(position, soon()).await);
    assert_eq!(world.applied_positions().await, [7, 8]);
}

#[tokio::test]
async fn a_failure_that_is_over_is_not_read_any_more() {
    let world = world().await;
    let writer = Writer::new("w").concerned_by(nothing).with_fault(2, Fault::Away);
    let running = follow(&world, &writer);
    let position = world.append(3).await;
    wait_until(SOON, "a failure", async || world.status("w").await.failure.is_some()).await;
    writer.mend();
    assert!(running.wait_until(position, soon()).await);
    assert_eq!(world.status("w").await.failure, None);
}

#[tokio::test]
async fn what_a_crash_kept_from_being_saved_comes_again() {
    let world = world().await;
    let dying = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (log, dying_pool) = (world.another_node().await, pool(&world.database));
    let writer = Writer::new("dead").concerned_by(|position| position == 2);
    let running = dying.spawn(async { spawn(log, dying_pool, subscription("w"), writer) });
    let running = running.await.unwrap();
    let progress = running.progress();
    let first = world.append(2).await;
    assert!(progress.wait_until(first, soon()).await);
    // Nothing gets through to the row any more.
    let mut superuser = world.database.connect_as_superuser().await;
    let lock = superuser.transaction().await.unwrap();
    lock.query_one(LOCK_CHECKPOINT, &[&"w"]).await.unwrap();
    let position = world.append(3).await;
    assert!(progress.wait_until(position, soon()).await, "no row is needed for it");
    dying.shutdown_background();
    lock.query(END_BACKENDS, &[&world.database.name]).await.unwrap();
    lock.rollback().await.unwrap();

    assert_eq!(saved(&world).await, first);
    world.expire_lease("w").await;
    let heir = Writer::new("heir").concerned_by(|position| position == 5);
    let running = follow(&world, &heir);
    assert!(running.wait_until(position, soon()).await);
    let again: Vec<Position> = heir.calls().into_iter().flat_map(seen_before).collect();
    assert_eq!(again, [3, 4, 5]);
    assert_eq!(world.applied().await, [(2, "dead".to_owned()), (5, "heir".to_owned())]);
}

#[tokio::test]
async fn a_robbed_holder_finds_out_soon_and_moves_nothing() {
    let world = world().await;
    let robbed = Writer::new("robbed").concerned_by(nothing);
    let robbed =
        spawn(world.another_node().await, pool(&world.database), subscription("w"), robbed);
    let before = world.append(2).await;
    assert!(robbed.wait_until(before, soon()).await);
    must_be_saved(&world, before).await;
    let gate = Gate::new(Stage::Before, 3);
    let heir = Writer::new("heir").concerned_by(nothing).with_gate(&gate);
    let heir = follow(&world, &heir);
    // The stand-by's looks and the holder's renewals meet in any order.
    wait_until(SOON, "a robbery", async || {
        world.sql.execute(include_str!("sql/expire_epoch.sql"), &[&"w", &1_i64]).await.unwrap();
        heir.progress().is_held()
    })
    .await;
    let position = world.append(3).await;
    gate.reached().await;
    wait_until(SOON, "it knows", async || !robbed.progress().is_held()).await;
    assert_eq!(saved(&world).await, before, "the row is the other's");
    gate.open();
    assert!(heir.wait_until(position, soon()).await);
    assert!(robbed.wait_until(position, soon()).await, "it stands by");
    must_be_saved(&world, position).await;
}

#[tokio::test]
async fn a_rebuild_finds_a_position_that_the_next_batch_goes_on_from() {
    let world = world().await;
    let running = follow(&world, &Writer::new("w").concerned_by(every_third));
    let first = world.append(3).await;
    assert!(running.wait_until(first, soon()).await);
    let mut client = world.database_client().await;
    let transaction = client.transaction().await.unwrap();
    assert_eq!(baton_feed::lock_position(&transaction, "w").await.unwrap(), first);
    let second = world.append(2).await;
    assert!(running.wait_until(second, soon()).await, "what has no effect is not held up");
    let third = world.append(1).await;
    wait_until(SOON, "the row is waited for", async || {
        let row = world.sql.query_one(include_str!("sql/waiters.sql"), &[]).await.unwrap();
        row.get::<_, i64>("waiters") == 1
    })
    .await;
    assert_eq!(*running.position().borrow(), second);
    transaction.commit().await.unwrap();
    assert!(running.wait_until(third, soon()).await);
    assert_eq!(world.applied_positions().await, [3, 6]);
    assert_eq!(world.lease("w").await.epoch, 1);
}
