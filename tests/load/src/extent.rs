//! How much is measured: lengths of windows, sizes of data sets.
//!
//! Must not: know what is measured with it.

use std::path::PathBuf;
use std::time::Duration;

use crate::figure::KEYS;

/// Keep-alive clients of the HTTP scenarios, and of the yardstick beside them.
pub const CLIENTS: usize = 32;
/// Commands in flight through the log's API.
pub const IN_FLIGHT: usize = 256;
/// Events a second while the latency of webhooks is measured.
pub const WEBHOOK_EVENTS_PER_SECOND: u64 = 200;
/// Tasks of the small side of the comparison by size.
pub const TASKS_SMALL: u64 = 1_000;

/// pgbench takes a while to connect on a busy machine.
const QUICK_SECONDS: u64 = 2;

/// What one run measures.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Keys to measure; all when empty.
    pub only: Vec<String>,
    /// Seconds of one window.
    pub seconds: u64,
    /// Windows of each scenario; the figure is their median.
    pub windows: usize,
    /// Tasks of the large data set.
    pub tasks: u64,
    /// Events of the long log.
    pub events: u64,
    /// Requests of one kind in a round of the comparison by size, and rounds.
    pub looks: (usize, usize),
    /// A run that only shows that everything runs.
    pub is_quick: bool,
    /// Another binary than the one beside this program.
    pub baton: Option<PathBuf>,
}

impl Extent {
    /// A run for figures.
    #[must_use]
    pub fn full(seconds: u64) -> Extent {
        Extent {
            only: Vec::new(),
            seconds: seconds.max(1),
            windows: 3,
            tasks: 1_000_000,
            events: 1_000_000,
            looks: (20, 15),
            is_quick: false,
            baton: None,
        }
    }

    /// A run that only shows that everything runs.
    #[must_use]
    pub fn quick() -> Extent {
        let full = Extent::full(QUICK_SECONDS);
        let (tasks, events, looks) = (4_000, 6_000, (10, 2));
        Extent { windows: 1, tasks, events, looks, is_quick: true, ..full }
    }

    /// The length of one window.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// One of these keys is to be measured.
    #[must_use]
    pub fn wants(&self, keys: &[&str]) -> bool {
        self.only.is_empty() || keys.iter().any(|key| self.only.iter().any(|only| only == key))
    }

    /// The first key asked for that there is none of.
    #[must_use]
    pub fn unknown_key(&self) -> Option<&str> {
        let is_known = |only: &String| KEYS.iter().any(|key| key.name == *only);
        self.only.iter().find(|only| !is_known(only)).map(String::as_str)
    }
}
