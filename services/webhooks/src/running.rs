//! Webhooks as the rest of the process sees them: started, watched, stopped.

use std::sync::Arc;
use std::time::Duration;

use baton_commands::Commands;
use baton_feed::{Progress, Running, Subscription};
use deadpool_postgres::Pool;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::backfill::Backfiller;
use crate::disable::Disabler;
use crate::error::StartError;
use crate::handover::Handover;
use crate::housekeeping;
use crate::plan::{Planner, SUBSCRIPTION};
use crate::record::{Recorder, Recording};
use crate::secrets::Secrets;
use crate::send::Post;
use crate::sender::Sender;
use crate::settings::Settings;
use crate::slots::Slots;
use crate::worker::Means;

/// Events that one batch plans at most.
const BATCH_EVENTS_MAX: i64 = 256;
/// Connections that workers take from the pool at once.
const READS_MAX: usize = 4;

/// The planning and sending of webhooks, until shut down; dropped, everything ends at once, as if
/// the process had died.
pub struct Webhooks {
    subscription: Running,
    sender: Sender,
    drain_within: Duration,
    stop: DropGuard,
}

impl Webhooks {
    /// Starts planning and sending: in this process while it holds the subscription, on stand-by
    /// while another does.
    ///
    /// # Errors
    /// [`StartError`] where the HTTP client cannot be made.
    pub fn start(commands: Commands, pool: Pool, settings: Settings) -> Result<Self, StartError> {
        let post = Post::new(&settings).map_err(StartError::Http)?;
        let (stop, slots) = (CancellationToken::new(), Slots::default());
        let (recorder, queue) = Recorder::new(settings.schedule.clone());
        let (epoch, known_epoch) = watch::channel(0);
        let disabler = Disabler::new(commands.clone(), stop.clone());
        let (log, history) = (commands.log().clone(), commands.history().clone());
        let recording = Recording {
            pool: pool.clone(),
            failures_max: settings.failures_max,
            epoch: known_epoch,
            slots: slots.clone(),
            disabler: disabler.clone(),
        };
        let means = Means {
            pool: pool.clone(),
            post,
            secrets: Secrets::new(commands),
            recorder,
            disabler,
            in_flight_max: settings.in_flight_max,
            reads: Arc::new(Semaphore::new(READS_MAX)),
        };
        let sender = Sender {
            slots,
            means,
            epoch: Arc::new(epoch),
            workers: TaskTracker::new(),
            stop: stop.clone(),
            dropped: Arc::new(Notify::new()),
            backfills: Arc::new(Notify::new()),
            failures_max: settings.failures_max,
        };
        let handover = Handover::default();
        let planner = Planner::new(history.clone(), pool.clone(), sender.clone(), handover.clone());
        let subscription = Subscription {
            name: SUBSCRIPTION,
            batch_events_max: BATCH_EVENTS_MAX,
            // A crash that takes the last batches takes their deliveries too: they are planned
            // again with the same ids.
            durable_commit: false,
        };
        let backfilling = Backfiller::new(history, pool.clone(), sender.clone()).run();
        let subscription = baton_feed::spawn(log, pool.clone(), subscription, planner);
        let dispatching = dispatch(handover, subscription.progress(), sender.clone());
        let keeping = housekeeping::run(pool, settings.keep_for, sender.dropped.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(dispatching));
        tokio::spawn(stop.clone().run_until_cancelled_owned(backfilling));
        tokio::spawn(stop.clone().run_until_cancelled_owned(keeping));
        tokio::spawn(stop.clone().run_until_cancelled_owned(recording.run(queue)));
        let (drain_within, stop) = (settings.drain_within, stop.drop_guard());
        Ok(Self { subscription, sender, drain_within, stop })
    }

    /// How far planning is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.subscription.progress()
    }

    /// Starts no more attempts, lets those under way end, within bounds, and gives the
    /// subscription back. What is due stays due.
    pub async fn shutdown(self) {
        let Self { subscription, sender, drain_within, stop } = self;
        sender.slots.close();
        sender.workers.close();
        let drained = async {
            sender.workers.wait().await;
            sender.means.disabler.ended().await;
        };
        if tokio::time::timeout(drain_within, drained).await.is_err() {
            tracing::warn!("attempts to deliver webhooks were broken off; they will be made again");
        }
        subscription.shutdown().await;
        drop(stop);
    }
}

/// Hands over what was planned once the checkpoint has passed it.
async fn dispatch(handover: Handover, progress: Progress, sender: Sender) {
    let mut checkpoint = progress.position();
    loop {
        let reached = *checkpoint.borrow_and_update();
        while let Some(planning) = handover.take(reached) {
            sender.dispatch(planning);
        }
        if checkpoint.changed().await.is_err() {
            return;
        }
    }
}
