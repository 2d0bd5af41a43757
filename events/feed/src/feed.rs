//! The log as outsiders may follow it: batches of events as CloudEvents, from any position, with
//! a filter, at a bounded cost each.
//!
//! Those who are level with the log are served from the tail, all others from the log; both give
//! the same. It must not decide who may read what.

use baton_domain::task::Task;
use baton_history::{Excerpts, FoldError, Versioned};
use baton_log::{EventFilter, Log, Position, ReadError, RecordedEvent, Scope, StreamId};
use bytes::Bytes;
use uuid::Uuid;

use crate::handler::HandleError;
use crate::message;
use crate::tail::{ListenError, Listener, Tail};

/// Events of one read of the log.
const PAGE_EVENTS_MAX: usize = 100;
/// Events that are read at once of those picked by their ids.
const PICKED_EVENTS_MAX: usize = 20;
/// An event that is picked and larger than this is shortened, as a message on NATS is.
const PICKED_BYTES_MAX: usize = 32 * 1024;
/// A batch that has so many bytes gets no further item.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why the feed cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The log does not answer.
    #[error("cannot read events")]
    Read(#[from] ReadError),
    /// What events are about cannot be read now.
    #[error("cannot read what events are about")]
    Fold(#[from] FoldError),
    /// An event cannot be printed as JSON: none that the log holds, unreadable ones included.
    #[error("cannot show an event")]
    Render(#[from] HandleError),
}

/// One event.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its position.
    pub position: Position,
    /// Its type.
    pub event_type: String,
    /// The CloudEvent, the same that NATS has but for what is too large there.
    pub document: Bytes,
}

/// Some events in order, and how to go on.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The events.
    pub items: Vec<Item>,
    /// Everything up to here was looked at.
    pub next_after: Position,
    /// The position of the last event there was to look at; where there was none above the
    /// position that was asked about, that position.
    pub head: Position,
}

/// The feed of this process. Cheap to clone.
#[derive(Clone)]
pub struct Feed {
    log: Log,
    excerpts: Excerpts,
    tail: Tail,
}

impl Batch {
    /// There was nothing above it.
    #[must_use]
    pub fn is_level(&self) -> bool {
        self.next_after >= self.head
    }

    fn is_full(&self, limit: usize) -> bool {
        let bytes: usize = self.items.iter().map(|item| item.document.len()).sum();
        self.items.len() >= limit || bytes >= BATCH_BYTES_MAX
    }

    fn push(&mut self, event: &RecordedEvent, document: Bytes) {
        self.next_after = event.position;
        let (position, event_type) = (event.position, event.event_type.clone());
        self.items.push(Item { position, event_type, document });
    }
}

impl Feed {
    /// Reads the log where the tail does not reach.
    #[must_use]
    pub fn new(log: Log, excerpts: Excerpts, tail: Tail) -> Self {
        Self { log, excerpts, tail }
    }

    /// See [`Tail::listen`].
    ///
    /// # Errors
    /// Where there is no place, or no news to be had.
    pub async fn listen(&self, scope: Scope) -> Result<Listener, ListenError> {
        self.tail.listen(scope).await
    }

    /// The task as the log has it now; version 0 where it was never created.
    ///
    /// # Errors
    /// Where its history cannot be read.
    pub async fn task(&self, stream: &StreamId) -> Result<Versioned<Task>, FoldError> {
        self.excerpts.task(stream).await
    }

    /// The position of the scope's last event; 0 while it has none.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub async fn head(&self, scope: &Scope) -> Result<Position, FeedError> {
        let nothing = EventFilter::default();
        Ok(self.log.page(scope, Position::MAX, &nothing, 0).await?.head)
    }

    /// The scope's events above a position that pass the filter, from the log: at most `limit`,
    /// fewer where they are large or far between.
    ///
    /// # Errors
    /// Where events cannot be read or shown.
    pub async fn read(
        &self,
        scope: &Scope,
        filter: &EventFilter,
        after: Position,
        limit: usize,
    ) -> Result<Batch, FeedError> {
        let mut batch = Batch { next_after: after, ..Batch::default() };
        let mut reading = self.excerpts.reading();
        while !batch.is_full(limit) {
            let wanted = PAGE_EVENTS_MAX.min(limit - batch.items.len());
            let page_limit = i64::try_from(wanted).expect("a page is bounded");
            let page = self.log.page(scope, batch.next_after, filter, page_limit).await?;
            // As from the tail, which knows nothing below where it was asked.
            batch.head = page.head.max(after);
            reading.page(&page.events).await?;
            for event in &page.events {
                if batch.is_full(limit) {
                    return Ok(batch);
                }
                let subject = reading.subject(event).await?;
                batch.push(event, message::document(event, subject.as_ref())?);
            }
            batch.next_after = page.to;
            if page.events.len() < wanted {
                // All that may be examined or held at once, or all there is.
                break;
            }
        }
        Ok(batch)
    }

    /// Events of an account by their ids, which are in the order of the log, each in a bounded
    /// size. What the account does not have is left out.
    ///
    /// # Errors
    /// Where events cannot be read or shown.
    pub async fn picked(&self, account: &str, ids: &[Uuid]) -> Result<Vec<Item>, FeedError> {
        let mut reading = self.excerpts.reading();
        let mut items = Vec::with_capacity(ids.len());
        for ids in ids.chunks(PICKED_EVENTS_MAX) {
            let events = self.log.events(account, ids).await?;
            reading.page(&events).await?;
            for event in &events {
                let subject = reading.subject(event).await?;
                let document = message::render(event, subject.as_ref(), PICKED_BYTES_MAX)?.body;
                let (position, event_type) = (event.position, event.event_type.clone());
                items.push(Item { position, event_type, document });
            }
        }
        Ok(items)
    }

    /// Likewise for somebody who listens: from the tail if it reaches back so far.
    ///
    /// # Errors
    /// Where events cannot be read or shown.
    pub async fn next(
        &self,
        listener: &Listener,
        filter: &EventFilter,
        after: Position,
        limit: usize,
    ) -> Result<Batch, FeedError> {
        let Some(recent) = listener.recent(after) else {
            return self.read(listener.scope(), filter, after, limit).await;
        };
        let head = recent.last().map_or(after, |last| last.event().position);
        let mut batch = Batch { items: Vec::new(), next_after: after, head };
        for told in &recent {
            if batch.is_full(limit) {
                return Ok(batch);
            }
            match filter.passes(told.event()) {
                true => batch.push(told.event(), told.document()?),
                false => batch.next_after = told.event().position,
            }
        }
        Ok(batch)
    }
}
