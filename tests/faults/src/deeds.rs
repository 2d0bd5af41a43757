//! What clients were told, held against the log: each acknowledged command is there, once, where
//! its answer said, and nothing else is.
//!
//! Must not: be told of anything that was not acknowledged.

use std::collections::BTreeMap;

use baton_harness::record::Recorded;

use crate::{Violation, must};

/// Events of commands that only clients give: each was acknowledged in the end.
const TOLD: [&str; 6] = [
    "task.created",
    "task.delegated",
    "task.child_delegated",
    "task.updated",
    "task.completed",
    "task.failed",
];

/// An event that a client was told of.
#[derive(Clone, Debug)]
pub struct Deed {
    /// Its name.
    pub event: &'static str,
    /// The task.
    pub task: String,
    /// What no other command says.
    pub says: String,
    /// Where the command's events end; none where a repetition may have been no change.
    pub position: Option<i64>,
}

/// A task that waits for others.
#[derive(Clone, Debug)]
pub struct Dependent {
    /// The task.
    pub task: String,
    /// It was blocked when it was created.
    pub was_blocked: bool,
    /// All that it waits for was completed.
    pub is_due: bool,
}

/// What clients were told in one round.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Events.
    pub deeds: Vec<Deed>,
    /// Tasks that wait for others.
    pub dependents: Vec<Dependent>,
}

impl Told {
    /// What another client was told, too.
    pub fn add(&mut self, other: Told) {
        self.deeds.extend(other.deeds);
        self.dependents.extend(other.dependents);
    }

    /// Holds what was told against the round's part of the log.
    ///
    /// # Errors
    ///
    /// When they differ.
    pub fn check(&self, log: &[Recorded]) -> Result<(), Violation> {
        let mut of_task: BTreeMap<(&str, &str), Vec<&Recorded>> = BTreeMap::new();
        for event in log {
            of_task.entry((&event.event, &event.stream.1)).or_default().push(event);
        }
        let of = |event: &str, task: &str| of_task.get(&(event, task)).cloned().unwrap_or_default();
        let mut expected: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for deed in &self.deeds {
            *expected.entry((deed.event, &deed.task)).or_default() += 1;
            deed.check(&of(deed.event, &deed.task), log)?;
        }
        for ((event, task), found) in &of_task {
            let told = expected.get(&(*event, *task)).copied().unwrap_or_default();
            let found = found.len();
            let is_told = TOLD.contains(event);
            must!(!is_told || found == told, "{found} {event} of {task}, {told} acknowledged");
        }
        for dependent in &self.dependents {
            let Dependent { task, was_blocked, is_due } = dependent;
            let wanted = usize::from(*was_blocked && *is_due);
            let found = of("task.unblocked", task).len();
            must!(found == wanted, "{found} task.unblocked, not {wanted}, of {dependent:?}");
        }
        Ok(())
    }
}

impl Deed {
    /// Among the events of its name and task is one that says it, and ends where it was told.
    fn check(&self, found: &[&Recorded], log: &[Recorded]) -> Result<(), Violation> {
        let says = |event: &&&Recorded| event.payload.to_string().contains(&self.says);
        let saying: Vec<&&Recorded> = found.iter().filter(says).collect();
        must!(saying.len() == 1, "acknowledged and {} times in the log: {self:?}", saying.len());
        let Some(position) = self.position else { return Ok(()) };
        let first = log.first().map_or(1, |event| event.position);
        let last = usize::try_from(position - first).ok().and_then(|at| log.get(at));
        let is_there = last.is_some_and(|last| last.correlation == saying[0].correlation);
        must!(is_there, "{self:?} was told to end at {last:?}, and is {:?}", saying[0]);
        Ok(())
    }
}
