//! Several processes and one subscription: one holder at a time, and a late one does no harm.

use baton_feed::spawn;
use baton_harness::{wait_for, wait_until};

use crate::support::{
    EXPIRE_LEASE, EXTEND_LEASE, Fault, Gate, SOON, Stage, Writer, pool, soon, subscription, world,
};

#[tokio::test]
async fn a_stand_by_follows_and_takes_over_at_once_from_a_holder_that_stops() {
    let world = world().await;
    let first = spawn(world.log.clone(), world.pool.clone(), subscription("w"), Writer::new("a"));
    let position = world.append(5).await;
    assert!(first.wait_until(position, soon()).await);
    let second = spawn(
        world.another_node().await,
        pool(&world.database),
        subscription("w"),
        Writer::new("b"),
    );
    assert!(second.wait_until(position, soon()).await, "a stand-by knows how far the holder is");
    let lease = world.lease("w").await;
    assert!((1..=3_000).contains(&lease.left_ms.unwrap()), "{lease:?}");

    first.shutdown().await;
    // Given back, not run out: nobody has it, or the other one has it already.
    assert_ne!(world.lease("w").await.holder, lease.holder);
    let position = world.append(5).await;
    assert!(second.wait_until(position, soon()).await);
    let by: Vec<String> = world.applied().await.into_iter().map(|(_, by)| by).collect();
    assert_eq!(by, ["a", "a", "a", "a", "a", "b", "b", "b", "b", "b"]);
    assert!(world.lease("w").await.epoch > lease.epoch);
}

#[tokio::test]
async fn a_lease_that_ran_out_is_taken_and_one_that_did_not_is_not() {
    let world = world().await;
    let crashed = Gate::new(Stage::Before, 1);
    let dying = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (log, dying_pool) = (world.another_node().await, pool(&world.database));
    let writer = Writer::new("dead").with_gate(&crashed);
    let _dead = dying.spawn(async move {
        let running = spawn(log, dying_pool, subscription("w"), writer);
        std::future::pending::<()>().await;
        drop(running);
    });
    let position = world.append(1).await;
    crashed.reached().await;
    dying.shutdown_background();
    assert_eq!(world.sql.execute(EXTEND_LEASE, &[&"w"]).await.unwrap(), 1);
    let lease = world.lease("w").await;

    let heir = spawn(world.log.clone(), world.pool.clone(), subscription("w"), Writer::new("heir"));
    let two_polls = tokio::time::Instant::now() + std::time::Duration::from_millis(1_200);
    assert!(!heir.wait_until(position, two_polls).await, "the lease still runs");
    assert_eq!(world.lease("w").await.epoch, lease.epoch);

    world.expire_lease("w").await;
    assert!(heir.wait_until(position, soon()).await);
    assert_eq!(world.applied().await, [(1, "heir".to_owned())]);
}

/// One that fails keeps its lease; one that another version has superseded must not, or nobody
/// goes on while it lives.
#[tokio::test]
async fn a_superseded_holder_gives_way_and_stands_by() {
    let world = world().await;
    let old = Writer::new("old").with_fault(3, Fault::Superseded);
    let old_runs =
        spawn(world.another_node().await, pool(&world.database), subscription("w"), old.clone());
    let before = world.append(2).await;
    assert!(old_runs.wait_until(before, soon()).await);
    let new = spawn(world.log.clone(), world.pool.clone(), subscription("w"), Writer::new("new"));
    let position = world.append(3).await;
    assert!(new.wait_until(position, soon()).await, "the new one takes over");
    assert!(old_runs.wait_until(position, soon()).await, "the old one sees its work");
    let by: Vec<String> = world.applied().await.into_iter().map(|(_, by)| by).collect();
    assert_eq!(by, ["old", "old", "new", "new", "new"]);
    assert_eq!(world.status("w").await.failure, None);
    // It takes part for as long as it runs: what superseded it may go away.
    old.mend();
    new.shutdown().await;
    let position = world.append(1).await;
    assert!(old_runs.wait_until(position, soon()).await);
    assert_eq!(world.applied().await.last(), Some(&(position, "old".to_owned())));
}

#[tokio::test]
async fn a_holder_that_wakes_up_after_its_time_commits_nothing() {
    let world = world().await;
    let gate = Gate::new(Stage::Before, 3);
    let (sleeper, heir) = (Writer::new("sleeper").with_gate(&gate), Writer::new("heir"));
    let asleep =
        spawn(world.another_node().await, pool(&world.database), subscription("w"), sleeper);
    let position = world.append(5).await;
    gate.reached().await;

    let awake = spawn(world.log.clone(), world.pool.clone(), subscription("w"), heir);
    world.expire_lease("w").await;
    assert!(awake.wait_until(position, soon()).await);
    gate.open();
    // It stands by now, and sees the other's work.
    let position = world.append(5).await;
    assert!(asleep.wait_until(position, soon()).await);
    let by_heir: Vec<_> = (1..=10).map(|position| (position, "heir".to_owned())).collect();
    assert_eq!(world.applied().await, by_heir);
}

#[tokio::test]
async fn a_robbed_holder_commits_nothing_even_before_its_successor_did() {
    let world = world().await;
    let (gate, next_gate) = (Gate::new(Stage::Before, 3), Gate::new(Stage::Before, 3));
    let robbed = Writer::new("robbed").with_gate(&gate);
    let robbed =
        spawn(world.another_node().await, pool(&world.database), subscription("w"), robbed);
    let position = world.append(5).await;
    gate.reached().await;
    let heir = Writer::new("heir").with_gate(&next_gate);
    let heir = spawn(world.log.clone(), world.pool.clone(), subscription("w"), heir);
    world.expire_lease("w").await;
    next_gate.reached().await;

    // The position is still the one that the robbed holder knows; the epoch is not.
    gate.open();
    robbed.shutdown().await;
    assert_eq!(world.applied().await, []);
    next_gate.open();
    assert!(heir.wait_until(position, soon()).await);
    let by_heir: Vec<_> = (1..=5).map(|position| (position, "heir".to_owned())).collect();
    assert_eq!(world.applied().await, by_heir);
}

#[tokio::test]
async fn many_robberies_apply_every_event_once() {
    let world = world().await;
    let names = ["a", "b", "c"];
    let mut holders = Vec::new();
    for by in names {
        let log = world.another_node().await;
        holders.push(spawn(log, pool(&world.database), subscription("w"), Writer::new(by)));
    }
    let mut position = 0;
    for robberies in 1..=12 {
        wait_until(SOON, "another robbery", async || {
            // Batches, expiries and the stand-bys' looks meet in any order.
            position = world.append(3).await;
            world.sql.execute(EXPIRE_LEASE, &[&"w"]).await.unwrap();
            world.lease("w").await.epoch > robberies
        })
        .await;
    }
    for holder in &holders {
        assert!(holder.wait_until(position, soon()).await);
    }
    assert_eq!(world.applied_positions().await, (1..=position).collect::<Vec<_>>());
    for holder in holders {
        holder.shutdown().await;
    }
}

#[tokio::test]
async fn a_slow_preparation_keeps_its_lease() {
    let world = world().await;
    let gate = Gate::new(Stage::Before, 1);
    let slow = Writer::new("slow").with_gate(&gate);
    let running = spawn(world.log.clone(), world.pool.clone(), subscription("w"), slow);
    let position = world.append(1).await;
    gate.reached().await;
    let left = wait_for(SOON, "some of the lease to pass", async || {
        Some(world.lease("w").await.left_ms).filter(|left| *left < Some(2_700))
    })
    .await;
    wait_until(SOON, "the lease is renewed", async || world.lease("w").await.left_ms > left).await;
    gate.open();
    assert!(running.wait_until(position, soon()).await);
    assert_eq!(world.lease("w").await.epoch, 1, "nobody took over in between");
}

#[tokio::test]
async fn a_holder_stopped_in_the_middle_of_a_batch_stops_nobody_for_long() {
    let world = world().await;
    let gate = Gate::new(Stage::Written, 2);
    let stopped = spawn(
        world.another_node().await,
        pool(&world.database),
        subscription("w"),
        Writer::new("stopped").with_gate(&gate),
    );
    let position = world.append(3).await;
    gate.reached().await;
    // The row is locked by the stopped holder's open transaction; Postgres ends that by itself.
    let heir = spawn(world.log.clone(), world.pool.clone(), subscription("w"), Writer::new("heir"));
    assert!(heir.wait_until(position, soon()).await);
    gate.open();
    let position = world.append(1).await;
    assert!(stopped.wait_until(position, soon()).await, "it stands by now");
    let by_heir: Vec<_> = (1..=4).map(|position| (position, "heir".to_owned())).collect();
    assert_eq!(world.applied().await, by_heir);
}

#[tokio::test]
async fn a_crash_between_apply_and_commit_repeats_nothing() {
    let world = world().await;
    let gate = Gate::new(Stage::Written, 4);
    let dying = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (log, dying_pool) = (world.another_node().await, pool(&world.database));
    let writer = Writer::new("dead").with_gate(&gate);
    let _dead = dying.spawn(async move {
        let running = spawn(log, dying_pool, subscription("w"), writer);
        std::future::pending::<()>().await;
        drop(running);
    });
    let position = world.append(5).await;
    gate.reached().await;
    dying.shutdown_background();

    world.expire_lease("w").await;
    let heir = spawn(world.log.clone(), world.pool.clone(), subscription("w"), Writer::new("heir"));
    assert!(heir.wait_until(position, soon()).await);
    let by_heir: Vec<_> = (1..=5).map(|position| (position, "heir".to_owned())).collect();
    assert_eq!(world.applied().await, by_heir);
}
