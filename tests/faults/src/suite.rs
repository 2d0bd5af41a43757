//! Round after round, in one world after another.
//!
//! Must not: go on after a broken promise.

use std::time::Instant;

use crate::Violation;
use crate::journal::Journal;
use crate::round::{self, Course, Turn};
use crate::world::World;

/// How much, and from what chance.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Everything random follows from it.
    pub seed: u64,
    /// The first round.
    pub from: u64,
    /// So many rounds.
    pub rounds: u64,
    /// Rounds before a new world: what is checked at the end grows with them.
    pub rounds_per_world: u64,
}

/// Runs the rounds.
///
/// # Panics
///
/// When a promise is broken, saying which round of which seed it was; that world's directories
/// stay.
pub async fn run(extent: Extent, journal: &Journal) {
    let Extent { seed, from, rounds, rounds_per_world } = extent;
    let started = Instant::now();
    journal.line(&format!("seed {seed}: rounds {from} to {}", from + rounds - 1));
    let all: Vec<u64> = (from..from + rounds).collect();
    for rounds in all.chunks(usize::try_from(rounds_per_world.max(1)).unwrap_or(usize::MAX)) {
        let world = World::new().await;
        if let Err((round, broken)) = in_world(&world, seed, rounds, journal).await {
            // With the world at hand, which keeps what there is to look at.
            panic!("round {round} of seed {seed}: {broken}");
        }
    }
    let took = started.elapsed().as_secs_f64();
    journal.line(&format!("seed {seed}: all {rounds} rounds passed in {took:.0} s"));
}

async fn in_world(
    world: &World,
    seed: u64,
    rounds: &[u64],
    journal: &Journal,
) -> Result<(), (u64, Violation)> {
    let mut course = Course::default();
    for round in rounds {
        let begin = |faults| journal.line(&format!("round {round}: {faults}"));
        let ran = round::run(world, &mut course, Turn { seed, round: *round }, begin).await;
        let outcome = ran.map_err(|broken| (*round, broken))?;
        journal.line(&format!("round {round}: passed: {outcome}"));
    }
    let last = rounds.last().copied().unwrap_or_default();
    models_equal_the_log(world).await.map_err(|broken| (last, broken))?;
    journal.line(&format!("rounds to {last}: read models equal the log"));
    Ok(())
}

/// `baton rebuild --check`: every read model is what the log gives.
async fn models_equal_the_log(world: &World) -> Result<(), Violation> {
    let checked = world.nodes[0].baton.lock().await.command(&["rebuild", "--check"]).await;
    let said = String::from_utf8_lossy(&checked.stdout);
    let errors = String::from_utf8_lossy(&checked.stderr);
    match checked.status.success() {
        true => Ok(()),
        false => Err(format!("read models differ from the log: {said}\n{errors}")),
    }
}
