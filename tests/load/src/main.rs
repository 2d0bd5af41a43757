//! `bench`: measures Baton beside its Postgres, prints a table, writes a file.
//!
//! Must not: hold anything that the library could.

use std::path::PathBuf;
use std::process::ExitCode;

use baton_load::bench;
use baton_load::extent::Extent;
use baton_load::report::say;
use clap::Parser;

/// Measures Baton side by side with pgbench on the same Postgres. Ends with 0 when every figure
/// counts and reaches its floor; a quick run, which only shows that everything runs, when every
/// figure counts.
#[derive(Parser)]
struct Arguments {
    /// Only these keys, such as `append,lifecycle`.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Seconds of each window.
    #[arg(long)]
    seconds: Option<u64>,
    /// Windows of each scenario; the figure is their median.
    #[arg(long)]
    windows: Option<usize>,
    /// Tasks of the large data set.
    #[arg(long)]
    tasks: Option<u64>,
    /// Events of the long log.
    #[arg(long)]
    events: Option<u64>,
    /// Tiny sizes: shows that everything runs, and no figure that means anything.
    #[arg(long)]
    quick: bool,
    /// Another `baton` than the one beside this program.
    #[arg(long)]
    baton: Option<PathBuf>,
    /// Where everything is written.
    #[arg(long, default_value = "target/bench.json")]
    out: PathBuf,
}

const SECONDS: u64 = 10;

impl Arguments {
    fn extent(&self) -> Extent {
        let full = if self.quick { Extent::quick() } else { Extent::full(SECONDS) };
        Extent {
            only: self.only.clone(),
            seconds: self.seconds.unwrap_or(full.seconds).max(1),
            windows: self.windows.unwrap_or(full.windows).max(1),
            tasks: self.tasks.unwrap_or(full.tasks),
            events: self.events.unwrap_or(full.events),
            baton: self.baton.as_ref().map(|baton| {
                std::path::absolute(baton).expect("this program has a working directory")
            }),
            ..full
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let extent = arguments.extent();
    if let Some(key) = extent.unknown_key() {
        say(&format!("there is no key {key}"));
        return ExitCode::FAILURE;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let report = runtime.block_on(bench::run(extent));
    report.write(&arguments.out).expect("the file can be written");
    say(&format!("{}\n\n{}", arguments.out.display(), report.table()));
    let is_good = if arguments.quick { report.counts() } else { report.holds() };
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
