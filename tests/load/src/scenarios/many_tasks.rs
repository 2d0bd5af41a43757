//! `scale_1m_over_1k` and `rss_mib`: what many tasks cost those who work with one.
//!
//! Must not: compare at different times. The large and the small Baton are asked in turns.

use std::ops::Range;
use std::pin::pin;
use std::time::Duration;

use baton_harness::baton::PROJECT_TOKEN;
use serde_json::{Map, Value, json};
use tokio::time::interval;

use crate::bench::Bench;
use crate::extent::TASKS_SMALL;
use crate::figure::{Figure, rounded};
use crate::fill::Goal;
use crate::followers;
use crate::generator::closed;
use crate::http::{Line, Request};
use crate::processes::resident_mib;
use crate::report::say;
use crate::scenarios::requests::{body, clients};
use crate::stand::Stand;
use crate::windows::{Measured, Series};

const MEMORY_LOOKED_AT_EVERY: Duration = Duration::from_millis(100);

/// What is asked for, by name. `{}` is a root with a child.
const LOOKS: [(&str, Who, &str); 6] = [
    ("list", Who::Admin, "/v1/tasks?limit=50"),
    ("list_mine", Who::Agent, "/v1/tasks?assigned_to=me&limit=50"),
    ("list_completed", Who::Admin, "/v1/tasks?completed=true&sort=completed&limit=50"),
    ("list_offset", Who::Admin, "/v1/tasks?limit=50&offset=500"),
    ("chain", Who::Admin, "/v1/tasks/{}/chain"),
    ("create", Who::Agent, "/v1/tasks"),
];

#[derive(Clone, Copy)]
enum Who {
    Admin,
    Agent,
}

/// A Baton with tasks to ask for.
struct Side {
    stand: Stand,
    roots: Vec<String>,
}

/// The comparison, and memory.
pub async fn measure(bench: &Bench) -> Vec<Figure> {
    let large = Side::new(bench, bench.extent.tasks).await;
    let mut figures = Vec::new();
    if bench.extent.wants(&["scale_1m_over_1k"]) {
        figures.push(comparison(bench, &large).await);
    }
    if bench.extent.wants(&["rss_mib"]) {
        figures.push(memory(bench, &large.stand).await);
    }
    figures
}

impl Side {
    async fn new(bench: &Bench, tasks: u64) -> Side {
        let (stand, filled) = Stand::with(bench, Goal::Tasks(tasks)).await;
        Side { stand, roots: filled.roots }
    }

    /// A client of its own for each of [`LOOKS`].
    fn lines(&self) -> [Line; LOOKS.len()] {
        std::array::from_fn(|_| Line::to(self.stand.address(), None))
    }

    async fn look(&self, line: &mut Line, (name, who, path): (&str, Who, &str), number: usize) {
        let key = match who {
            Who::Admin => PROJECT_TOKEN,
            Who::Agent => &self.stand.agent(0).key,
        };
        // Far from each other: neighbours would lie in the same pages.
        let root = &self.roots[(number * 7_919) % self.roots.len()];
        let (path, body) = (path.replace("{}", root), body());
        let (method, body) = if name == "create" { ("POST", body.as_str()) } else { ("GET", "") };
        line.ask(Request { method, path: &path, key, body }).await;
    }
}

/// Each look so many times, at the one and at the other in turns.
async fn round(sides: [&Side; 2], lines: &mut [[Line; LOOKS.len()]; 2], numbers: Range<usize>) {
    for (look, what) in LOOKS.into_iter().enumerate() {
        for number in numbers.clone() {
            for (side, lines) in sides.iter().zip(lines.iter_mut()) {
                side.look(&mut lines[look], what, number).await;
            }
        }
    }
    // The next round's reads are not to wait for what this one created.
    for side in sides {
        followers::caught_up(&side.stand.watch, &[]).await;
    }
}

async fn comparison(bench: &Bench, large: &Side) -> Figure {
    let small = &Side::new(bench, TASKS_SMALL).await;
    bench.yardstick.checkpoint().await;
    let ((times, rounds), sides) = (bench.extent.looks, [small, large]);
    // The first is not counted: both are cold.
    round(sides, &mut sides.map(Side::lines), 0..times).await;
    let mut lines = sides.map(Side::lines);
    for n in 1..=rounds {
        round(sides, &mut lines, n * times..(n + 1) * times).await;
    }
    let [small, large] = lines.map(|lines| lines.map(Line::into_tally));
    let (mut raw, mut faults, mut worst) = (Map::new(), Vec::new(), f64::NAN);
    for (n, (name, _, _)) in LOOKS.iter().enumerate() {
        let (one, other) = (&small[n], &large[n]);
        let ratio = other.latencies.at(0.5) / one.latencies.at(0.5);
        worst = worst.max(ratio);
        say(&format!("{name}: {ratio:.2}"));
        for errors in [&one.errors, &other.errors].into_iter().filter(|it| !it.is_empty()) {
            faults.push(format!("{name}: {errors:?}"));
        }
        let value = json!({
            "small": one.latencies.summary(), "large": other.latencies.summary(),
            "median_by_median": rounded(ratio),
        });
        raw.insert((*name).to_owned(), value);
    }
    Figure::of("scale_1m_over_1k", worst, &faults, Value::Object(raw))
}

/// The most that it had while tasks were created.
async fn memory(bench: &Bench, stand: &Stand) -> Figure {
    let mut series = Series::default();
    for _ in 0..bench.extent.windows {
        let load = closed(stand.address(), clients(stand), bench.extent.window());
        let mut load = pin!(stand.measured(load));
        let (mut pace, mut most) = (interval(MEMORY_LOOKED_AT_EVERY), 0.0_f64);
        let (measured, _) = loop {
            tokio::select! {
                measured = &mut load => break measured,
                _ = pace.tick() => {
                    most = most.max(resident_mib(stand.baton.pid()).unwrap_or(f64::NAN));
                }
            }
        };
        say(&format!("resident while creating: {most:.0} MiB"));
        series.add(Measured { rate: most, ..measured });
    }
    series.median("rss_mib")
}
