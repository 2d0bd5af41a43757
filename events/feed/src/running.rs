//! A subscription as the rest of the process sees it: started, watched, waited for, stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use baton_log::{Log, Position};
use deadpool_postgres::Pool;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::follow;
use crate::handler::Handler;
use crate::runner::Runner;

/// A named follower of the log.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Names the checkpoint; one process at a time holds it.
    pub name: &'static str,
    /// Events that one batch has at most.
    pub batch_events_max: i64,
    /// `synchronous_commit` of the batch's transaction. Without it a crash of Postgres may roll
    /// back the last batches, effect and checkpoint together.
    pub durable_commit: bool,
}

/// How far a subscription is. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Progress {
    position: Arc<watch::Sender<Position>>,
    /// How many wait: while somebody does, a stand-by looks at the checkpoint often.
    waiting: Arc<watch::Sender<usize>>,
    /// The highest position that anybody has waited for.
    wanted: Arc<watch::Sender<Position>>,
    held: Arc<AtomicBool>,
}

impl Progress {
    pub(crate) fn unknown() -> Self {
        Self {
            position: Arc::new(watch::Sender::new(0)),
            waiting: Arc::default(),
            wanted: Arc::default(),
            held: Arc::default(),
        }
    }

    /// This process holds the subscription, as far as it knows.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    pub(crate) fn set_held(&self, held: bool) {
        self.held.store(held, Ordering::Relaxed);
    }

    /// The position whose effects are committed and visible, whichever process committed them;
    /// 0 until it is known.
    pub fn position(&self) -> watch::Receiver<Position> {
        self.position.subscribe()
    }

    /// Waits until the position is reached; false when the deadline comes first.
    pub async fn wait_until(&self, position: Position, deadline: Instant) -> bool {
        let mut reached = self.position.subscribe();
        if *reached.borrow() >= position {
            return true;
        }
        let _waiting = Waiting::new(&self.waiting);
        self.wanted.send_modify(|wanted| *wanted = position.max(*wanted));
        let reached = reached.wait_for(|reached| *reached >= position);
        matches!(tokio::time::timeout_at(deadline, reached).await, Ok(Ok(_)))
    }

    /// Sets the position to what the database says, also back: a crash of Postgres may have
    /// taken the last batches.
    pub(crate) fn set(&self, position: Position) {
        self.position.send_if_modified(|known| std::mem::replace(known, position) != position);
    }

    /// Waits until somebody has waited for a position above this one.
    pub(crate) async fn wanted_above(&self, position: Position) {
        let mut wanted = self.wanted.subscribe();
        // `self` holds the sender.
        let _wanted = wanted.wait_for(|wanted| *wanted > position).await;
    }

    /// The number of those who wait, to be watched.
    pub(crate) fn waiting(&self) -> watch::Receiver<usize> {
        self.waiting.subscribe()
    }
}

/// Counted among those who wait until dropped.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// A subscription that this process takes part in, until it is shut down or dropped.
#[derive(Debug)]
pub struct Running {
    name: &'static str,
    progress: Progress,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Running {
    /// The subscription's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How far it is, for those who wait for it.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// See [`Progress::position`].
    pub fn position(&self) -> watch::Receiver<Position> {
        self.progress.position()
    }

    /// See [`Progress::wait_until`].
    pub async fn wait_until(&self, position: Position, deadline: Instant) -> bool {
        self.progress.wait_until(position, deadline).await
    }

    /// Finishes the batch at hand and gives the lease back, so that a successor need not wait.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(subscription = self.name, %error, "a subscription ended badly");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Starts following: holds the subscription when it is free, stands by while another holds it.
pub fn spawn<H: Handler>(log: Log, pool: Pool, subscription: Subscription, handler: H) -> Running {
    let (name, progress, stop) = (subscription.name, Progress::unknown(), CancellationToken::new());
    let runner = Runner::new(log, pool, subscription, handler);
    let task = tokio::spawn(runner.run(progress.clone(), stop.clone()));
    Running { name, progress, stop, task: Some(task) }
}

/// Watches a subscription that other processes hold, without ever taking it.
pub fn observe(pool: Pool, name: &'static str) -> Running {
    let (progress, stop) = (Progress::unknown(), CancellationToken::new());
    let task = tokio::spawn(follow::observe(pool, name, progress.clone(), stop.clone()));
    Running { name, progress, stop, task: Some(task) }
}
