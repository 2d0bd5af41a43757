//! The subscription: first the commands, then the table and the checkpoint in one transaction.
//!
//! A crash in between gives the same commands again, with the same keys. Nothing is missed either:
//! a dependent that was recorded before the event is in the table or in the batch; one that was
//! recorded after it had the dependency as a guard, and so was decided on what the event says.

use std::time::Duration;

use baton_commands::{Caller, CommandError, Commands, Context, RequestKey};
use baton_feed::{HandleError, Handler, Running, Subscription, Transaction};
use baton_log::{Position, RecordedEvent};
use deadpool_postgres::Pool;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use crate::dependents::{self, Dependents};
use crate::notice::{Notice, Place, notice};

/// The subscription's name, and the actor of its commands.
pub const SUBSCRIPTION: &str = "policies";

/// Events that one batch has at most.
const BATCH_EVENTS_MAX: i64 = 256;
/// How long events come together behind a batch: looking at many costs little more than at one.
const GATHERS_FOR: Duration = Duration::from_millis(10);
/// Commands under way at once.
const COMMANDS_MAX: usize = 64;

/// Follows the log and gives commands.
pub struct Policies {
    commands: Commands,
    pool: Pool,
    noticed: Vec<Notice>,
}

/// A task to look again at what it depends on, because of an event.
struct Due {
    place: Place,
    event_id: Uuid,
    correlation_id: Uuid,
}

/// Starts the policies: in this process while it holds the subscription, on stand-by while
/// another does.
#[must_use]
pub fn spawn(commands: Commands, pool: Pool) -> Running {
    let log = commands.log().clone();
    let subscription = Subscription {
        name: SUBSCRIPTION,
        batch_events_max: BATCH_EVENTS_MAX,
        // What a crash of Postgres takes is followed once more, with the same keys.
        durable_commit: false,
    };
    baton_feed::spawn(log, pool.clone(), subscription, Policies::new(commands, pool))
}

impl Policies {
    /// Policies that give these commands.
    #[must_use]
    pub fn new(commands: Commands, pool: Pool) -> Self {
        Self { commands, pool, noticed: Vec::new() }
    }

    /// What is due because of dependencies that are done.
    async fn due(&self, done: &[(&RecordedEvent, Place)]) -> Result<Vec<Due>, HandleError> {
        let places: Vec<Place> = done.iter().map(|(_, place)| place.clone()).collect();
        let dependents = Dependents::of(&places, &self.pool, &self.noticed).await?;
        let mut all = Vec::new();
        for (event, dependency) in done {
            all.extend(dependents.on(dependency).map(|task| Due {
                place: Place { account: dependency.account.clone(), task },
                event_id: event.event_id,
                correlation_id: event.correlation_id,
            }));
        }
        Ok(all)
    }

    async fn reconsider(&self, due: Due) -> Result<(), HandleError> {
        let Due { place: Place { account, task }, event_id, correlation_id } = due;
        let context = Context {
            caller: Caller::system(account, SUBSCRIPTION),
            correlation_id,
            causation_id: Some(event_id),
            // The key says all that the request does.
            key: Some(RequestKey { key: format!("{event_id}/{task}"), request_hash: [0; 32] }),
        };
        let reconsidered = self.commands.reconsider_task(&context, task).await;
        let status = reconsidered.map_err(failed)?.state.status;
        let cause = event_id;
        tracing::debug!(%task, %status, %cause, %correlation_id, "looked at dependencies again");
        Ok(())
    }
}

impl Handler for Policies {
    async fn acquired(&mut self, _position: Position) -> Result<(), HandleError> {
        self.noticed.clear();
        Ok(())
    }

    async fn before(&mut self, events: &[RecordedEvent]) -> Result<(), HandleError> {
        self.noticed.clear();
        let mut done = Vec::new();
        for event in events {
            let Some(noticed) = notice(event)? else { continue };
            if let Notice::Completed(place) | Notice::Deleted(place) = &noticed {
                done.push((event, place.clone()));
            }
            self.noticed.push(noticed);
        }
        let due = self.due(&done).await?;
        stream::iter(due.into_iter().map(|due| self.reconsider(due)))
            .buffer_unordered(COMMANDS_MAX)
            .try_collect()
            .await
    }

    fn gathers_for(&self) -> Duration {
        GATHERS_FOR
    }

    fn has_effect(&self, _events: &[RecordedEvent]) -> bool {
        self.noticed.iter().any(Notice::is_written)
    }

    async fn apply(
        &mut self,
        transaction: &Transaction<'_>,
        _events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        dependents::save(transaction, &self.noticed).await
    }
}

fn failed(cause: CommandError) -> HandleError {
    let what = "cannot have a task look again at what it depends on";
    match cause.is_passing() {
        true => HandleError::unavailable(what, cause),
        // Somebody must mend what is wrong with the account or the task.
        false => HandleError::event(what, cause),
    }
}
