//! A subscription that nothing disturbs: every event once, in order, woken or not; its progress
//! as others see it; replays beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use baton_feed::{HandleError, Handler, Rebuildable, Stretch, Transaction, observe, replay, spawn};
use baton_harness::wait_until;
use baton_log::RecordedEvent;
use tokio::time::Instant;

use crate::support::{Call, SOON, Writer, pool, soon, subscription, world};

impl Rebuildable for Writer {}

#[tokio::test]
async fn nodes_that_start_together_migrate_one_after_the_other() {
    let database = baton_harness::postgres::database().await;
    let (mut one, mut other) = (database.connect().await, database.connect().await);
    let (one, other) = tokio::join!(baton_feed::migrate(&mut one), baton_feed::migrate(&mut other));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
}

#[tokio::test]
async fn every_event_is_applied_once_and_in_order() {
    let world = world().await;
    let before = world.append(35).await;
    let writer = Writer::new("only");
    let running = spawn(world.log.clone(), world.pool.clone(), subscription("w"), writer.clone());
    assert!(running.wait_until(before, soon()).await);
    let after = world.append(3).await;
    assert!(running.wait_until(after, soon()).await);
    running.shutdown().await;

    assert_eq!(world.applied_positions().await, (1..=38).collect::<Vec<_>>());
    let batches = |all: &[std::ops::RangeInclusive<i64>]| -> Vec<Call> {
        let calls = |events: &std::ops::RangeInclusive<i64>| {
            let events: Vec<i64> = events.clone().collect();
            [Call::Before(events.clone()), Call::Apply(events)]
        };
        let mut expected = vec![Call::Acquired(0)];
        expected.extend(all.iter().flat_map(calls));
        expected
    };
    assert_eq!(writer.calls(), batches(&[1..=10, 11..=20, 21..=30, 31..=35, 36..=38]));
}

#[tokio::test]
async fn a_wake_up_is_answered_long_before_the_poll() {
    let world = world().await;
    let running = spawn(world.log.clone(), world.pool.clone(), subscription("w"), Writer::new("w"));
    let first = world.append(1).await;
    assert!(running.wait_until(first, soon()).await);
    let start = Instant::now();
    for _ in 0..20 {
        let position = world.append(1).await;
        assert!(running.wait_until(position, soon()).await);
    }
    // Twenty polls would take ten seconds.
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[tokio::test]
async fn events_come_together_behind_a_batch_where_nobody_waits_for_each() {
    let world = world().await;
    let gathers_for = std::time::Duration::from_secs(3);
    let writer = Writer { gathers_for, ..Writer::new("w") };
    let running = spawn(world.log.clone(), world.pool.clone(), subscription("w"), writer.clone());
    assert!(running.wait_until(world.append(1).await, soon()).await);
    for _ in 0..10 {
        world.append(1).await;
    }
    assert!(running.wait_until(11, soon()).await);
    let batches = writer.calls().iter().filter(|call| matches!(call, Call::Before(_))).count();
    assert_eq!(batches, 2, "{:?}", writer.calls());
    running.shutdown().await;
}

#[tokio::test]
async fn what_somebody_waits_for_is_not_gathered() {
    let world = world().await;
    let gathers_for = std::time::Duration::from_secs(3_600);
    let writer = Writer { gathers_for, ..Writer::new("w") };
    let running = spawn(world.log.clone(), world.pool.clone(), subscription("w"), writer);
    for _ in 0..3 {
        assert!(running.wait_until(world.append(1).await, soon()).await);
    }
    running.shutdown().await;
}

#[tokio::test]
async fn a_lost_wake_up_is_made_up_for_by_the_poll() {
    let world = world().await;
    let log = world.another_node().await;
    let running = spawn(log.clone(), world.pool.clone(), subscription("w"), Writer::new("w"));
    let position = world.append(3).await;
    assert!(running.wait_until(position, soon()).await);
    assert_eq!(*log.wake().borrow(), 0, "nothing woke this node");
}

/// This process knows its own events by heart; those of another are not left lying until the poll.
#[tokio::test]
async fn events_of_two_nodes_are_followed_at_once() {
    let world = world().await;
    let other = world.another_node().await;
    let running = spawn(world.log.clone(), world.pool.clone(), subscription("w"), Writer::new("w"));
    let start = Instant::now();
    for _ in 0..20 {
        let own = world.append(1).await;
        let theirs = world.append_by(&other, 1).await;
        world.log.woken(theirs);
        assert!(running.wait_until(theirs, soon()).await);
        let theirs = world.append_by(&other, 1).await;
        // Nobody speaks of it: the next event of this node does.
        let last = world.append(1).await;
        assert!(running.wait_until(last, soon()).await);
        assert_eq!((theirs, last), (own + 2, own + 3));
    }
    // Twenty polls would take ten seconds.
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    assert_eq!(world.applied_positions().await, (1..=80).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_wake_up_to_a_position_that_never_comes_is_harmless() {
    let world = world().await;
    let running = spawn(world.log.clone(), world.pool.clone(), subscription("w"), Writer::new("w"));
    world.log.woken(1_000_000);
    let position = world.append(3).await;
    assert!(running.wait_until(position, soon()).await);
    assert_eq!(world.applied_positions().await, [1, 2, 3]);
}

#[tokio::test]
async fn waiting_ends_at_its_deadline() {
    let world = world().await;
    let running = spawn(world.log.clone(), world.pool.clone(), subscription("w"), Writer::new("w"));
    assert!(running.wait_until(0, Instant::now()).await, "reached before it began");
    assert!(!running.wait_until(1, Instant::now()).await);
}

#[tokio::test]
async fn a_process_without_the_subscription_sees_how_far_it_is() {
    let world = world().await;
    let running = spawn(world.log.clone(), world.pool.clone(), subscription("w"), Writer::new("w"));
    let watching = observe(pool(&world.database), "w");
    let start = Instant::now();
    for _ in 0..20 {
        let position = world.append(1).await;
        assert!(watching.wait_until(position, soon()).await);
        assert_eq!(world.applied_positions().await.last(), Some(&position));
    }
    // The polls of one for whom nobody waits would take ten seconds.
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    running.shutdown().await;
    watching.shutdown().await;
}

#[tokio::test]
async fn status_says_how_far_behind() {
    let world = world().await;
    let running = spawn(world.log.clone(), world.pool.clone(), subscription("w"), Writer::new("w"));
    let position = world.append(2).await;
    assert!(running.wait_until(position, soon()).await);
    let status = world.status("w").await;
    assert_eq!((status.position, status.lag, status.lag_ms, status.held), (2, 0, 0, true));
    running.shutdown().await;

    world.append(3).await;
    wait_until(SOON, "time passes behind the log", async || {
        let status = world.status("w").await;
        assert_eq!((status.position, status.lag, status.held), (2, 3, false));
        assert_eq!(status.failure, None);
        status.lag_ms > 0
    })
    .await;
}

#[tokio::test]
async fn a_replay_applies_a_stretch_and_nothing_else() {
    let world = world().await;
    world.append(30).await;
    let mut writer = Writer::new("replay");
    let stretch = Stretch { after: 5, up_to: 27, batch_events_max: 10 };
    let reached = replay(&world.log, &world.pool, stretch, &mut writer).await.unwrap();
    assert_eq!(reached, 27);
    assert_eq!(world.applied_positions().await, (6..=27).collect::<Vec<_>>());
    assert!(writer.calls().iter().all(|call| matches!(call, Call::Apply(_))), "only applied");

    let beyond = Stretch { after: 27, up_to: 1_000, batch_events_max: 10 };
    assert_eq!(replay(&world.log, &world.pool, beyond, &mut writer).await.unwrap(), 30);
}

#[tokio::test]
async fn a_rebuild_that_holds_the_checkpoint_holds_the_subscription_up() {
    let world = world().await;
    let running = spawn(world.log.clone(), world.pool.clone(), subscription("w"), Writer::new("w"));
    let first = world.append(2).await;
    assert!(running.wait_until(first, soon()).await);

    let mut client = world.database_client().await;
    let transaction = client.transaction().await.unwrap();
    assert_eq!(baton_feed::lock_position(&transaction, "w").await.unwrap(), first);
    let second = world.append(2).await;
    wait_until(SOON, "the batch waits", async || {
        let row = world.sql.query_one(include_str!("sql/waiters.sql"), &[]).await.unwrap();
        row.get::<_, i64>("waiters") == 1
    })
    .await;
    assert_eq!(world.applied_positions().await, [1, 2]);
    transaction.commit().await.unwrap();
    assert!(running.wait_until(second, soon()).await);

    let transaction = client.transaction().await.unwrap();
    assert_eq!(baton_feed::lock_position(&transaction, "never ran").await.unwrap(), 0);
}

/// Begins a batch by counting what is there, without waiting for anything.
#[derive(Default)]
struct Looker {
    begun: Arc<AtomicUsize>,
    found: Arc<AtomicI64>,
}

impl Handler for Looker {
    async fn apply(
        &mut self,
        transaction: &Transaction<'_>,
        _events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        let rows = transaction.query_typed(include_str!("sql/count_applied.sql"), &[]);
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.found.store(rows.await?[0].get("rows"), Ordering::Relaxed);
        Ok(())
    }
}

/// A batch sends its first statement without waiting for the checkpoint, and yet sees all that
/// was done under the checkpoint's lock, such as another model put in place.
#[tokio::test]
async fn what_a_batch_asks_first_is_asked_behind_its_checkpoint() {
    let world = world().await;
    let looker = Looker::default();
    let (begun, found) = (Arc::clone(&looker.begun), Arc::clone(&looker.found));
    let running = spawn(world.log.clone(), world.pool.clone(), subscription("w"), looker);
    let first = world.append(1).await;
    assert!(running.wait_until(first, soon()).await);
    for round in 1..=10 {
        let mut client = world.database_client().await;
        let transaction = client.transaction().await.unwrap();
        baton_feed::lock_position(&transaction, "w").await.unwrap();
        let position = world.append(1).await;
        wait_until(SOON, "the batch waits", async || {
            let row = world.sql.query_one(include_str!("sql/waiters.sql"), &[]).await.unwrap();
            row.get::<_, i64>("waiters") == 1
        })
        .await;
        let has_begun = || begun.load(Ordering::Relaxed) == 1 + round as usize;
        wait_until(SOON, "it has asked already", async || has_begun()).await;
        let swap = include_str!("sql/insert_applied.sql");
        transaction.execute(swap, &[&position, &"swap"]).await.unwrap();
        transaction.commit().await.unwrap();
        assert!(running.wait_until(position, soon()).await);
        assert_eq!(found.load(Ordering::Relaxed), round, "rows that the batch saw");
    }
}
