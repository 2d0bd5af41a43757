//! One round: load, faults, quiet, and everything that must hold then.
//!
//! Must not: let a broken promise pass because a later round would find it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use baton_harness::record::{self, Recorded};
use baton_harness::wait_until;
use fastrand::Rng;
use futures_util::future::join_all;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::deeds::Told;
use crate::deliveries::Arrivals;
use crate::faults::{self, Fault};
use crate::load::Storyteller;
use crate::world::{API_NODES, CLIENTS, LIMIT, World};
use crate::{Violation, must, quiet};

/// Commands that are acknowledged after the last fault, at least.
const ACKNOWLEDGED_AFTER: usize = 20;
/// Whoever takes longer is told.
const QUIET_SOON: Duration = Duration::from_secs(5);
/// Tasks that are read at every node when all is over.
const READS: usize = 2;

/// What a world's rounds have in common.
#[derive(Debug, Default)]
pub struct Course {
    /// The log, as far as it was checked.
    pub log: Vec<Recorded>,
    /// What the receiver got.
    pub arrivals: Arrivals,
}

/// Which round it is.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// The run's seed.
    pub seed: u64,
    /// The round, from 0.
    pub round: u64,
}

impl Turn {
    /// Randomness of this round alone, for one purpose.
    fn rng(self, purpose: u64) -> Rng {
        let parts = [self.seed, self.round, purpose];
        Rng::with_seed(parts.iter().fold(0, |seed, part| Rng::with_seed(seed ^ part).u64(..)))
    }
}

/// Runs it. `begin` is told which faults it will have; the answer tells what it came to.
///
/// # Errors
///
/// The first promise that was broken.
///
/// # Panics
///
/// When a part of the world does not come back.
pub async fn run(
    world: &World,
    course: &mut Course,
    turn: Turn,
    begin: impl FnOnce(String),
) -> Result<String, Violation> {
    let mut rng = turn.rng(0);
    let faults = faults::choose(&mut rng, world).await;
    begin(faults.iter().map(|fault| fault.tell(world)).collect::<Vec<_>>().join("; "));
    let started = Instant::now();
    let (told, commands) = under_load(world, turn, &faults).await?;
    let healed = Instant::now();
    let database = world.database.connect().await;
    let last = quiet::wait(world, &database).await?;
    let quiet = healed.elapsed();
    let why = if quiet > QUIET_SOON { format!("; late was: {last}") } else { String::new() };
    check(world, course, &told, &faults).await?;
    let events = course.log.len();
    read_everywhere(world, &told, &mut rng).await?;
    let took = started.elapsed();
    Ok(format!(
        "{commands} commands, head {events}, quiet after {:.1} s, {:.1} s in all{why}",
        quiet.as_secs_f64(),
        took.as_secs_f64()
    ))
}

/// The clients from before the first fault until after the last.
async fn under_load(
    world: &World,
    turn: Turn,
    faults: &[Fault],
) -> Result<(Told, usize), Violation> {
    let acknowledged = Arc::<AtomicUsize>::default();
    let (stop, stopped) = watch::channel(false);
    let mut clients = JoinSet::new();
    for n in 0..CLIENTS {
        let client = Storyteller {
            nodes: world.agents[n].clone(),
            assignee: world.assignee.clone(),
            name: format!("{}/{}/{n}", turn.seed, turn.round),
            rng: turn.rng(1 + n as u64),
            acknowledged: acknowledged.clone(),
            told: Told::default(),
            given: 0,
        };
        clients.spawn(client.run(stopped.clone()));
    }
    join_all(faults.iter().map(|fault| fault.inflict(world))).await;
    let count = || acknowledged.load(Ordering::Relaxed);
    let wanted = count() + ACKNOWLEDGED_AFTER;
    // A client that saw what it must not see has stopped, and says why below.
    wait_until(LIMIT, "commands after the faults", async || {
        count() >= wanted || clients.try_join_next().is_some_and(|ended| ended.is_err())
    })
    .await;
    stop.send_replace(true);
    let mut told = Told::default();
    while let Some(client) = clients.join_next().await {
        told.add(client.map_err(why)?);
    }
    Ok((told, count()))
}

fn why(panic: JoinError) -> Violation {
    match panic.try_into_panic() {
        Ok(panic) => match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(panic) => {
                panic.downcast::<&str>().map_or_else(|_| "panicked".into(), |it| (*it).into())
            }
        },
        Err(cancelled) => cancelled.to_string(),
    }
}

async fn check(
    world: &World,
    course: &mut Course,
    told: &Told,
    faults: &[Fault],
) -> Result<(), Violation> {
    let database = world.database.connect().await;
    let before = course.log.len();
    let after = i64::try_from(before).map_err(|cause| cause.to_string())?;
    course.log.extend(record::log_after(&database, after).await);
    record::assert_gapless(&course.log);
    let log = &course.log[before..];
    told.check(log)?;
    // Also what earlier rounds saw: it must be there still.
    world.watcher.check(&course.log).await?;
    let requests = world.receiver.lock().await.requests();
    course.arrivals.take(&requests)?;
    // What was not committed durably may be sent again, and as if for the first time.
    let in_order =
        !(faults.iter().any(Fault::is_of_receiver) && faults.iter().any(Fault::is_of_postgres));
    course.arrivals.check(log, &database, in_order).await?;
    course.arrivals.check_true(&course.log)
}

/// Every node that takes requests is well, and shows the same.
async fn read_everywhere(world: &World, told: &Told, rng: &mut Rng) -> Result<(), Violation> {
    for _ in 0..READS {
        let Some(deed) = rng.choice(&told.deeds) else { return Ok(()) };
        let path = format!("/v1/tasks/{}", deed.task);
        let mut shown: Vec<Value> = Vec::new();
        for node in 0..API_NODES {
            let answer = world.admins[node].get(&path).await;
            let (name, status, text) = (world.nodes[node].name, answer.status, &answer.text);
            must!(status == 200, "{name} answers {path} with {status}: {text}");
            shown.push(answer.body);
        }
        must!(shown.windows(2).all(|two| two[0] == two[1]), "nodes differ on {path}: {shown:?}");
    }
    Ok(())
}
