//! The subscription: the table and the checkpoint move in one transaction; between batches, and
//! while there are none, what is due is fired.
//!
//! Firing is part of holding the subscription: it ends when that is lost, and begins with the next
//! holder. One that was stopped and wakes up may fire once more what others have fired: the
//! command finds that the moment is no longer the one that is meant. For the same reason commands
//! have no idempotency key, which would keep the memory of one that had no effect.

use baton_commands::Commands;
use baton_feed::{HandleError, Handler, Running, Subscription, Transaction};
use baton_history::History;
use baton_log::{Position, RecordedEvent};
use deadpool_postgres::Pool;

use crate::firing::Firing;
use crate::notice::Noticed;
use crate::schedule::{self, Entry, Matter, Waits};

/// The subscription's name, and the actor of its commands.
pub const SUBSCRIPTION: &str = "scheduler";

/// Events that one batch has at most.
const BATCH_EVENTS_MAX: i64 = 256;

/// Follows the log, and fires what is due.
pub struct Scheduler {
    history: History,
    pool: Pool,
    firing: Firing,
    /// What the batch at hand changes.
    entries: Vec<Entry>,
    /// The table has reminders: what happens to tasks may matter.
    has_reminders: bool,
}

/// Starts the scheduler: in this process while it holds the subscription, on stand-by while
/// another does.
#[must_use]
pub fn spawn(commands: Commands, pool: Pool) -> Running {
    let log = commands.log().clone();
    let subscription = Subscription {
        name: SUBSCRIPTION,
        batch_events_max: BATCH_EVENTS_MAX,
        // What a crash of Postgres takes is followed once more.
        durable_commit: false,
    };
    baton_feed::spawn(log, pool.clone(), subscription, Scheduler::new(commands, pool))
}

impl Scheduler {
    /// A scheduler that gives these commands.
    #[must_use]
    pub fn new(commands: Commands, pool: Pool) -> Self {
        let history = commands.history().clone();
        let firing = Firing::new(commands, pool.clone());
        Self { history, pool, firing, entries: Vec::new(), has_reminders: true }
    }
}

impl Handler for Scheduler {
    async fn acquired(&mut self, _position: Position) -> Result<(), HandleError> {
        self.entries.clear();
        self.has_reminders = schedule::has_reminders(&self.pool).await?;
        self.firing.look_again();
        Ok(())
    }

    async fn before(&mut self, events: &[RecordedEvent]) -> Result<(), HandleError> {
        self.entries.clear();
        let noticed = Noticed::of(events, self.has_reminders)?;
        let known = schedule::known(&self.pool, &noticed.unsure()).await?;
        self.entries = noticed.entries(&known, &self.history).await?;
        // Not only while there is nothing to follow: that may be never.
        self.firing.fire().await
    }

    async fn idle(&mut self, _position: Position) -> Result<(), HandleError> {
        self.firing.fire().await
    }

    fn has_effect(&self, _events: &[RecordedEvent]) -> bool {
        !self.entries.is_empty()
    }

    async fn apply(
        &mut self,
        transaction: &Transaction<'_>,
        _events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        schedule::save(transaction, &self.entries).await?;
        for entry in &self.entries {
            self.has_reminders |= matches!(entry.place.matter, Matter::Reminder(_));
            if let Waits::Until(due_at) = entry.waits {
                self.firing.look_at(due_at);
            }
        }
        Ok(())
    }
}
