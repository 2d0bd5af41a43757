//! The short forms of the fault suite: a seed is new each time and printed.

use baton_faults::claimers;
use baton_faults::journal::Journal;
use baton_faults::rebuild::{self, Size};
use baton_faults::suite::{self, Extent};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_in_a_few_rounds_of_faults() {
    let seed = u64::from(fastrand::u32(..));
    let extent = Extent { seed, from: 0, rounds: 5, rounds_per_world: 5 };
    suite::run(extent, &Journal::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_beside_load_is_not_noticed() {
    rebuild::beside_load(Size { events: 20_000, rate: 50 }, &Journal::default()).await;
}

/// Longer than a lease, whatever the size: what the dead hold is free again only then.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_emptied_once_whoever_stops_or_dies() {
    let seed = u64::from(fastrand::u32(..));
    let size = claimers::Size { tasks: 400, claimers: 64, losers: 8, seed };
    claimers::drain(size, &Journal::default()).await;
}
