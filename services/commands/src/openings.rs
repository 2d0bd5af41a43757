//! Tasks that this process left open: whoever hands tasks out hears of them before any read model
//! shows them.
//!
//! A hint and nothing more: what other processes record is not told here, and who listens late
//! loses some. Must not: keep anybody who records waiting.

use std::{collections::BTreeSet, sync::Arc};

use baton_domain::{
    ProjectId,
    task::{Line, Status, Task, Turn, lines_of},
};
use baton_log::Position;
use tokio::sync::broadcast::{self, error::TryRecvError};

use crate::execute::Commands;

/// Openings that are kept for a listener before some are lost to it.
const OPENINGS_MAX: usize = 1_024;

/// A task that was open after something was recorded about it here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Its account.
    pub account: String,
    /// It was recorded at this position, or somewhat before it with the same command.
    pub position: Position,
    /// When its turn is.
    pub turn: Turn,
    /// The lines in which it waits.
    pub lines: BTreeSet<Line>,
    /// Its labels.
    pub labels: Vec<String>,
    /// Its project.
    pub project_id: Option<ProjectId>,
}

/// Tells of openings. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Openings(broadcast::Sender<Arc<Opening>>);

/// Hears of every opening since it was made.
#[derive(Debug)]
pub struct Listening(broadcast::Receiver<Arc<Opening>>);

impl Default for Openings {
    fn default() -> Self {
        Self(broadcast::Sender::new(OPENINGS_MAX))
    }
}

impl Openings {
    pub(crate) fn tell(&self, account: &str, task: &Task, position: Position) {
        if self.0.receiver_count() == 0 || !task.is_alive() || task.status != Status::Open {
            return;
        }
        let opening = Opening {
            account: account.to_owned(),
            position,
            turn: Turn::of(task),
            lines: lines_of(task),
            labels: task.labels.clone(),
            project_id: task.project_id,
        };
        // The last listener may just have gone.
        let _heard = self.0.send(Arc::new(opening));
    }
}

impl Listening {
    /// What was opened since the last call; none where some of it is lost.
    pub fn heard(&mut self) -> Option<Vec<Arc<Opening>>> {
        let mut heard = Vec::new();
        loop {
            match self.0.try_recv() {
                Ok(opening) => heard.push(opening),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(heard),
                Err(TryRecvError::Lagged(_)) => {
                    self.0 = self.0.resubscribe();
                    return None;
                }
            }
        }
    }
}

impl Commands {
    /// Listens for tasks that are left open by what this process records from now on.
    #[must_use]
    pub fn openings_from_now(&self) -> Listening {
        Listening(self.openings().0.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(openings: &Openings, position: Position, status: Status) {
        openings.tell("a", &Task { exists: true, status, ..Task::default() }, position);
    }

    fn positions(listening: &mut Listening) -> Option<Vec<Position>> {
        Some(listening.heard()?.iter().map(|opening| opening.position).collect())
    }

    #[test]
    fn only_open_tasks_are_told_of_and_only_to_those_who_listen() {
        let openings = Openings::default();
        tell(&openings, 1, Status::Open);
        let mut listening = Listening(openings.0.subscribe());
        tell(&openings, 2, Status::Open);
        tell(&openings, 3, Status::Claimed);
        openings.tell("a", &Task { deleted: true, exists: true, ..Task::default() }, 4);
        assert_eq!(positions(&mut listening), Some(vec![2]));
        assert_eq!(positions(&mut listening), Some(vec![]));
    }

    #[test]
    fn who_listens_late_is_told_that_some_are_lost() {
        let openings = Openings::default();
        let mut listening = Listening(openings.0.subscribe());
        for position in 0..=OPENINGS_MAX as Position {
            tell(&openings, position, Status::Open);
        }
        assert_eq!(positions(&mut listening), None);
        tell(&openings, 7, Status::Open);
        assert_eq!(positions(&mut listening), Some(vec![7]));
    }
}
