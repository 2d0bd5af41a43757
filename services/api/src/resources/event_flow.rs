//! The course of one event stream: the next piece, whenever the connection asks for it.

use std::{error::Error, sync::Arc, time::Duration};

use baton_commands::Caller;
use baton_domain::{Right, task::Task};
use baton_feed::{Batch, FeedError, Listener};
use baton_log::{EventFilter, Scope};
use futures_util::{Stream, stream};
use tokio::time::Instant;

use super::events::{Deleted, may_read, reach_items};
use crate::{
    event_stream::{HEARTBEAT, OPENING, push_event},
    service::Services,
};

/// How long a stream is silent at most.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);
/// Events of one piece.
const PIECE_EVENTS_MAX: usize = 100;

/// Where a stream is.
pub(super) struct Flow {
    services: Arc<Services>,
    caller: Caller,
    listener: Listener,
    filter: EventFilter,
    after: i64,
    heartbeat_at: Instant,
    is_opened: bool,
    /// Nothing can come after what the log has now.
    is_last: bool,
    is_over: bool,
}

impl Flow {
    pub(super) fn new(
        services: Arc<Services>,
        caller: Caller,
        listener: Listener,
        filter: EventFilter,
        after: i64,
    ) -> Self {
        Self {
            services,
            caller,
            listener,
            filter,
            after,
            heartbeat_at: Instant::now() + HEARTBEAT_EVERY,
            is_opened: false,
            is_last: false,
            is_over: false,
        }
    }

    /// The next piece; `None` at the end: the process stops, or the caller may not go on reading.
    async fn next(&mut self) -> Option<String> {
        if !std::mem::replace(&mut self.is_opened, true) {
            return Some(OPENING.to_owned());
        }
        while !self.is_over && !self.listener.is_over() {
            let batch = match self.batch().await {
                Ok(batch) => batch,
                Err(error) => {
                    // The client comes back, and hears then what is wrong.
                    tracing::warn!(error = &error as &dyn Error, "an event stream breaks off");
                    return None;
                }
            };
            // Rights are asked for after the events, and as of the last of them, wherever they
            // changed: none of a time without the right leaves.
            reach_items(&self.services, &batch).await.ok()?;
            let is_last = self.is_last().await?;
            let was_last = std::mem::replace(&mut self.is_last, is_last);
            self.after = batch.next_after;
            self.is_over = was_last && batch.is_level();
            if !batch.items.is_empty() {
                self.heartbeat_at = Instant::now() + HEARTBEAT_EVERY;
                return Some(piece(&batch));
            }
            if Instant::now() >= self.heartbeat_at {
                self.heartbeat_at = Instant::now() + HEARTBEAT_EVERY;
                return Some(HEARTBEAT.to_owned());
            }
            if batch.is_level() && !self.is_last {
                self.listener.news(self.heartbeat_at).await;
            }
        }
        None
    }

    /// The next events. The last ones come from the log: the tail may not have heard of them yet.
    async fn batch(&self) -> Result<Batch, FeedError> {
        let Self { services, listener, filter, after, is_last, .. } = self;
        match is_last {
            true => services.feed.read(listener.scope(), filter, *after, PIECE_EVENTS_MAX).await,
            false => services.feed.next(listener, filter, *after, PIECE_EVENTS_MAX).await,
        }
    }

    /// Whether nothing can come after what there is now; `None` when the caller may not read on.
    async fn is_last(&self) -> Option<bool> {
        let scope = self.listener.scope();
        let reader = may_read(&self.services, &self.caller, scope, Deleted::Readable).await.ok()?;
        match scope {
            Scope::Stream(stream) if !reader.standing.may(Right::ReadAllEvents) => {
                let task = self.services.feed.task(stream).await.ok()?;
                Some(!Task::is_alive(&task.state))
            }
            Scope::Stream(_) | Scope::Account(_) => Some(false),
        }
    }
}

/// The stream of the pieces.
pub(super) fn flow(flow: Flow) -> impl Stream<Item = String> + Send + 'static {
    stream::unfold(flow, |mut flow| async move {
        let piece = flow.next().await?;
        Some((piece, flow))
    })
}

fn piece(batch: &Batch) -> String {
    let mut piece = String::new();
    for item in &batch.items {
        let document = String::from_utf8_lossy(&item.document);
        push_event(&mut piece, item.position, &item.event_type, &document);
    }
    piece
}
