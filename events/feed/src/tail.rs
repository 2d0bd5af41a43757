//! The end of the log, read once per process for everybody in it who waits for news.
//!
//! Asleep while nobody waits. It wakes those whose account or stream something happened to, and
//! keeps the last events for them. Memory is bounded: whoever comes too late for that, or is too
//! slow, reads the log. Nothing here may be taken for the log: what is not here may still be.

mod recent;
mod topics;

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use baton_domain::account;
use baton_history::{Directory, FoldError, History, Subjects};
use baton_log::{Log, Position, RecordedEvent, Scope};
use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::follow::POLL;
pub use recent::Told;
use recent::{Recent, Seen};
use topics::Topics;

/// Requests of one process that may wait at once.
pub const WAITING_MAX: usize = 4_096;

/// Events of one read: few, because each may be large and all of them are in memory at once.
const BATCH_EVENTS_MAX: i64 = 32;
/// How long the tail goes on after the last one left: a poller is back in no time.
const LINGER: Duration = Duration::from_secs(10);
/// How long one who begins to wait may have to wait for the tail to know where it stands.
const READY_WITHIN: Duration = Duration::from_secs(5);

/// Why nobody can wait here now.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// As many wait as may.
    #[error("{WAITING_MAX} requests are waiting already")]
    Full,
    /// The process is about to end.
    #[error("the process is stopping")]
    Stopping,
    /// The log cannot be read.
    #[error("the end of the log cannot be read")]
    NotReady,
}

/// The tail of this process. Cheap to clone.
#[derive(Clone)]
pub struct Tail(Arc<Shared>);

struct Shared {
    log: Log,
    history: History,
    directory: Directory,
    stop: CancellationToken,
    places: Arc<Semaphore>,
    topics: Topics,
    recent: RwLock<Recent>,
    /// Everything above this position is told; `None` while asleep.
    level: watch::Sender<Option<Position>>,
}

/// Somebody who waits for news of one account or stream.
pub struct Listener {
    tail: Tail,
    scope: Scope,
    /// `None` once it has left.
    news: Option<watch::Receiver<Position>>,
    _place: OwnedSemaphorePermit,
}

impl Tail {
    /// Starts it, asleep. Everybody who waits is told to go when `stop` is cancelled.
    #[must_use]
    pub fn start(history: History, directory: Directory, stop: CancellationToken) -> Self {
        let shared = Shared {
            log: history.log().clone(),
            history,
            directory,
            stop,
            places: Arc::new(Semaphore::new(WAITING_MAX)),
            topics: Topics::default(),
            recent: RwLock::default(),
            level: watch::Sender::new(None),
        };
        let tail = Self(Arc::new(shared));
        tokio::spawn(run(tail.clone()));
        tail
    }

    /// Begins to listen. Whatever the log has not got yet when this returns will be told, so that
    /// one who reads the log next misses nothing.
    ///
    /// # Errors
    /// Where there is no place, or no news to be had.
    pub async fn listen(&self, scope: Scope) -> Result<Listener, ListenError> {
        let shared = &self.0;
        if shared.stop.is_cancelled() {
            return Err(ListenError::Stopping);
        }
        let place = Arc::clone(&shared.places).try_acquire_owned();
        let place = place.map_err(|_| ListenError::Full)?;
        let mut level = shared.level.subscribe();
        let news = shared.topics.join(&scope);
        let listener = Listener { tail: self.clone(), scope, news: Some(news), _place: place };
        let ready = level.wait_for(Option::is_some);
        match tokio::time::timeout(READY_WITHIN, ready).await {
            Ok(Ok(_)) => Ok(listener),
            Ok(Err(_)) | Err(_) => Err(ListenError::NotReady),
        }
    }
}

impl Listener {
    /// Waits until something happened to what it listens to, or the deadline; false when the
    /// process is about to end.
    pub async fn news(&mut self, deadline: Instant) -> bool {
        let news = self.news.as_mut().expect("it leaves when it is dropped");
        tokio::select! {
            () = self.tail.0.stop.cancelled() => false,
            // The topic has its sender for as long as anybody listens.
            _ = tokio::time::timeout_at(deadline, news.changed()) => true,
        }
    }

    /// The process is about to end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.tail.0.stop.is_cancelled()
    }

    /// What it listens to.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// What happened to it above a position, in order; `None` where that is no longer, or not
    /// yet, all here: the log has it.
    #[must_use]
    pub fn recent(&self, after: Position) -> Option<Vec<Arc<Told>>> {
        let recent = self.tail.0.recent.read().expect("no holder of the tail's lock panics");
        recent.above(after, &self.scope)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(news) = self.news.take() {
            self.tail.0.topics.leave(&self.scope, news);
        }
    }
}

async fn run(tail: Tail) {
    let shared = &*tail.0;
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = shared.topics.somebody() => {}
        }
        let followed = AssertUnwindSafe(follow(shared)).catch_unwind().await;
        // Everybody finds out by the log what they have missed.
        shared.level.send_replace(None);
        match followed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn Error, "cannot read the end of the log");
                tokio::time::sleep(POLL).await;
            }
            Err(_panic) => {
                tracing::error!("the tail of the log panicked");
                tokio::time::sleep(POLL).await;
            }
        }
    }
}

/// Follows the log from its end, until nobody has listened for a while.
async fn follow(shared: &Shared) -> Result<(), FoldError> {
    let mut wake = shared.log.wake();
    let mut subjects = Subjects::new(shared.history.clone());
    let mut position = shared.log.head().await?;
    shared.write(|recent| recent.begin(position));
    shared.level.send_replace(Some(position));
    shared.topics.tell_all(position);
    let mut last_heard = Instant::now();
    while !shared.stop.is_cancelled() {
        // Seen before the read: whatever is committed after it wakes the wait below.
        wake.borrow_and_update();
        let events = shared.log.after(position, BATCH_EVENTS_MAX).await?;
        if let Some(last) = events.last() {
            position = last.position;
            learn(shared, &events).await?;
            tell(shared, &mut subjects, events).await;
            continue;
        }
        if shared.topics.is_heard() {
            last_heard = Instant::now();
        } else if last_heard.elapsed() >= LINGER && shared.topics.close_if_empty(&shared.level) {
            // Asleep it keeps nothing.
            shared.write(|recent| recent.begin(position));
            return Ok(());
        }
        tokio::select! {
            () = shared.stop.cancelled() => {}
            () = tokio::time::sleep(POLL) => {}
            _ = wake.changed() => {}
        }
    }
    Ok(())
}

/// Whoever is told of an event finds the directory as of it: a right that it took is gone.
async fn learn(shared: &Shared, events: &[RecordedEvent]) -> Result<(), FoldError> {
    if events.iter().any(|event| event.stream.kind == account::KIND) {
        match shared.directory.catch_up().await {
            Err(error) if error.is_passing() => return Err(error),
            // The directory says itself that it cannot go on.
            Err(_) | Ok(()) => {}
        }
    }
    Ok(())
}

async fn tell(shared: &Shared, subjects: &mut Subjects, events: Vec<RecordedEvent>) {
    let mut news = Vec::with_capacity(events.len());
    for event in events {
        news.push((event.stream.clone(), event.position));
        let subject = match subjects.subject(&event).await {
            Ok(subject) => Seen::Readable(Box::new(subject)),
            Err(error) if error.is_passing() => Seen::NotNow,
            Err(_unreadable) => Seen::Unreadable,
        };
        // One by one: what is too much goes before the next subject comes.
        let told = Arc::new(Told::new(event, subject));
        shared.write(|recent| recent.push(told));
    }
    news.into_iter().for_each(|(stream, position)| shared.topics.tell(stream, position));
}

impl Shared {
    fn write(&self, write: impl FnOnce(&mut Recent)) {
        write(&mut self.recent.write().expect("no holder of the tail's lock panics"));
    }
}
