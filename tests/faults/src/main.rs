//! `faults`: many rounds, unattended, with a log of what was done.
//!
//! Must not: hold anything that the library could.

use std::path::PathBuf;
use std::process::ExitCode;

use baton_faults::journal::Journal;
use baton_faults::{claimers, rebuild, suite};
use clap::Parser;

/// Faults under load: kills, freezes, crashes and outages of everything that Baton stands on, and
/// what must hold after each round. Ends with 0 when everything held.
#[derive(Parser)]
struct Arguments {
    /// Rounds to run.
    #[arg(long, default_value_t = 200)]
    rounds: u64,
    /// The seed that all chance comes from; printed, and random when left out.
    #[arg(long)]
    seed: Option<u64>,
    /// The first round, to repeat some of a seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Rounds before everything is thrown away and made anew.
    #[arg(long, default_value_t = 12)]
    rounds_per_world: u64,
    /// Where the log goes, besides stdout.
    #[arg(long, default_value = "target/faults.log")]
    log: PathBuf,
    /// Instead: a rebuild of the read models beside load.
    #[arg(long)]
    rebuild: bool,
    /// Instead: claimers at two nodes empty a queue.
    #[arg(long, conflicts_with = "rebuild")]
    queue: bool,
    /// Tasks in that queue.
    #[arg(long, default_value_t = 10_000)]
    tasks: usize,
    /// Events that the rebuild reads.
    #[arg(long, default_value_t = 200_000)]
    events: i64,
    /// Commands a second beside it.
    #[arg(long, default_value_t = 500)]
    rate: u32,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let journal = Journal::in_file(&arguments.log).expect("the log file can be made");
    let panics = journal.clone();
    std::panic::set_hook(Box::new(move |panic| panics.line(&panic.to_string())));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let seed = arguments.seed.unwrap_or_else(|| u64::from(fastrand::u32(..)));
    let run = async {
        if arguments.rebuild {
            let size = rebuild::Size { events: arguments.events, rate: arguments.rate };
            rebuild::beside_load(size, &journal).await;
        } else if arguments.queue {
            let size = claimers::Size { tasks: arguments.tasks, claimers: 64, losers: 8, seed };
            claimers::drain(size, &journal).await;
        } else {
            let extent = suite::Extent {
                seed,
                from: arguments.from,
                rounds: arguments.rounds,
                rounds_per_world: arguments.rounds_per_world,
            };
            suite::run(extent, &journal).await;
        }
    };
    // A panic has said what is broken, and must not keep the log from saying that it is over.
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(run))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => {
            journal.line("FAILED");
            ExitCode::FAILURE
        }
    }
}
