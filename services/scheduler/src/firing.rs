//! Fires what is due, each by one command, many side by side.
//!
//! The row of what was fired goes with the event that this brought about. What could not be fired
//! is fired again later, and holds up nothing else. Must not: change the table, or say that the
//! subscription stands still because one command was refused.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use baton_commands::{Caller, CommandError, Commands, Context};
use baton_domain::Timestamp;
use baton_feed::HandleError;
use deadpool_postgres::Pool;
use futures_util::stream::{self, StreamExt as _};
use metrics::counter;

use crate::schedule::{self, Due, Matter, PAGE_ROWS, Place};
use crate::scheduler::SUBSCRIPTION;

/// Commands of one turn at most: events are followed in between.
const FIRES_MAX: usize = 256;
/// Commands under way at once.
const FIRES_AT_ONCE: usize = 16;
/// How long to wait for the event that a command brought about, and after what is passing.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// How long to wait with what fails again and again.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// What was fired, and when to fire it again where it is still there.
#[derive(Debug, Clone, Copy)]
struct Fired {
    due_at: Timestamp,
    again_at: Timestamp,
    failures: u32,
}

/// What is fired next, and what was.
pub(crate) struct Firing {
    commands: Commands,
    pool: Pool,
    /// When to look at the table; none where nothing waits in it.
    look_at: Option<Timestamp>,
    fired: HashMap<Place, Fired>,
}

impl Firing {
    pub(crate) fn new(commands: Commands, pool: Pool) -> Self {
        Self { commands, pool, look_at: Some(Timestamp::default()), fired: HashMap::new() }
    }

    /// The table may say other things than before.
    pub(crate) fn look_again(&mut self) {
        self.look_at = Some(Timestamp::default());
    }

    /// Something waits for this moment.
    pub(crate) fn look_at(&mut self, at: Timestamp) {
        self.look_at = Some(self.look_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// Fires what is due, or as much of it as one turn takes.
    pub(crate) async fn fire(&mut self) -> Result<(), HandleError> {
        let now = now();
        if self.look_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        let due = self.find(now).await?;
        let commands = &self.commands;
        let fire = |due: Due| async move {
            let fired = fire(commands, &due).await;
            (due, fired)
        };
        let fired = stream::iter(due).map(fire).buffer_unordered(FIRES_AT_ONCE);
        let fired: Vec<_> = fired.collect().await;
        for (due, fired) in fired {
            self.note(due, fired);
        }
        Ok(())
    }

    /// What is to be fired now, and when to look again.
    async fn find(&mut self, now: Timestamp) -> Result<Vec<Due>, HandleError> {
        let (mut found, mut met) = (Vec::new(), HashSet::new());
        let (mut last, mut look_at) = (None, None::<Timestamp>);
        loop {
            let page = schedule::page(&self.pool, last.as_ref()).await?;
            let is_full = i64::try_from(page.len()).is_ok_and(|rows| rows >= PAGE_ROWS);
            last = page.last().cloned();
            for due in page {
                let again_at = match due.due_at > now {
                    true => Some(due.due_at),
                    false => self.rests_until(&due, now),
                };
                if let Some(at) = again_at {
                    look_at = Some(look_at.map_or(at, |earlier| earlier.min(at)));
                    met.insert(due.place);
                } else if found.len() < FIRES_MAX {
                    met.insert(due.place.clone());
                    found.push(due);
                } else {
                    self.look_at = Some(now);
                    return Ok(found);
                }
            }
            let is_ahead = last.as_ref().is_some_and(|last| last.due_at > now);
            if !is_full || is_ahead {
                break;
            }
        }
        self.look_at = look_at;
        self.fired.retain(|place, _| met.contains(place));
        Ok(found)
    }

    /// Until when this is left alone, because it was just fired or fails.
    fn rests_until(&self, due: &Due, now: Timestamp) -> Option<Timestamp> {
        let fired = self.fired.get(&due.place).filter(|fired| fired.due_at == due.due_at);
        fired.map(|fired| fired.again_at).filter(|at| *at > now)
    }

    /// Remembers what became of a command.
    fn note(&mut self, due: Due, outcome: Result<(), CommandError>) {
        let Due { place, due_at, correlation_id, .. } = due;
        let (kind, id) = (place.matter.kind(), place.matter.id());
        let before = self.fired.get(&place).filter(|fired| fired.due_at == due_at);
        let before = before.map_or(0, |fired| fired.failures);
        let failures = match &outcome {
            Ok(()) => {
                tracing::debug!(kind, %id, %due_at, %correlation_id, "fired");
                0
            }
            Err(error) => {
                let error: &dyn std::error::Error = error;
                match before {
                    0 => tracing::error!(kind, %id, %due_at, %correlation_id, error, "not fired"),
                    _ => tracing::debug!(kind, %id, %due_at, %correlation_id, error, "not fired"),
                }
                before.saturating_add(1)
            }
        };
        let word = if outcome.is_ok() { "done" } else { "failed" };
        counter!("baton_scheduler_fired_total", "kind" => kind, "outcome" => word).increment(1);
        let pause = match &outcome {
            Err(error) if !error.is_passing() => pause_after(failures),
            _ => PAUSE_MIN,
        };
        let again_at = later(now(), pause);
        self.fired.insert(place, Fired { due_at, again_at, failures });
        self.look_at(again_at);
    }
}

/// Gives the command. One about what is gone has done all there is to do.
async fn fire(commands: &Commands, due: &Due) -> Result<(), CommandError> {
    let Due { place, due_at, event_id, correlation_id } = due;
    let context = Context {
        caller: Caller::system(place.account.clone(), SUBSCRIPTION),
        correlation_id: *correlation_id,
        causation_id: Some(*event_id),
        key: None,
    };
    let fired = match place.matter {
        Matter::Recurrence(id) => {
            commands.fire_recurrence(&context, id, *due_at).await.map(|_answer| ())
        }
        Matter::Reminder(id) => commands.remind_task(&context, id, *due_at).await.map(|_answer| ()),
    };
    match fired {
        Err(CommandError::NotFound { .. }) => Ok(()),
        fired => fired,
    }
}

/// Twice as long after each failure.
fn pause_after(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    PAUSE_MAX.min(PAUSE_MIN.saturating_mul(doubled))
}

fn later(at: Timestamp, pause: Duration) -> Timestamp {
    let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(at.as_millis().saturating_add(pause)).unwrap_or(at)
}

/// The node's clock, by which its commands are decided, too.
fn now() -> Timestamp {
    Timestamp::from(jiff::Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_again_and_again_is_tried_less_and_less_but_always() {
        let seconds: Vec<u64> = (1..=10).map(|failures| pause_after(failures).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!(pause_after(u32::MAX), PAUSE_MAX);
    }
}
