//! All lanes of one account, and which tasks are out: handed to a claimer, or gone without the
//! read model showing it yet.
//!
//! Must not: wait, or read.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use baton_commands::Opening;
use baton_domain::{TaskId, task::Turn};
use baton_log::Position;
use baton_projections::tasks::{Ask, Lane};

use crate::shelf::{First, Part, Shelf};

/// Lanes that are known at once: they come from what clients wish for.
const LANES_MAX: usize = 1_024;
/// A lane from which nobody has claimed for so long is forgotten.
const UNUSED_MAX: Duration = Duration::from_secs(60);

/// One read.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// It shows everything up to here.
    pub(crate) position: Position,
    pub(crate) began: Instant,
    pub(crate) took: Duration,
}

/// What a claimer does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Try this task: it is out now.
    Take(Turn),
    /// Read what is lacking.
    Read,
    /// Go, if that is sure.
    Leave,
}

/// What is to be read, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Need {
    /// Nothing can be said without.
    Lacking,
    /// Somebody will want it soon.
    Ahead,
    /// Nothing is there: it must have been so when the log ended here, for who arrived then.
    Certainty { head: Position, arrived: Instant },
}

/// What keeps a task from being handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Out {
    /// A claimer has it in hand.
    InHand,
    /// It is gone, which the read model shows from this position on.
    Until(Position),
}

/// The lanes of an account.
#[derive(Debug)]
pub(crate) struct Shelves {
    shelves: HashMap<Lane, Shelf>,
    out: HashMap<TaskId, Out>,
    /// The last opening that was heard of, or may have been missed.
    since: Position,
}

impl Shelves {
    /// Everything that is opened after this position will be heard.
    pub(crate) fn new(since: Position) -> Self {
        Self { shelves: HashMap::new(), out: HashMap::new(), since }
    }

    /// A task was left open.
    pub(crate) fn hear(&mut self, opening: &Opening) {
        let Opening { position, turn, .. } = opening;
        self.since = self.since.max(*position);
        if let Some(Out::Until(until)) = self.out.get(&turn.id)
            && until < position
        {
            self.out.remove(&turn.id);
        }
        for (lane, shelf) in &mut self.shelves {
            let is_for = opening.lines.contains(&lane.line)
                && lane.wish.is_for(&opening.labels, opening.project_id);
            if is_for {
                shelf.hear(*turn, *position);
            }
        }
    }

    /// Some openings up to this position were not heard.
    pub(crate) fn lost(&mut self, since: Position) {
        self.since = self.since.max(since);
        self.shelves.clear();
    }

    /// Hands out the first task of these lanes.
    pub(crate) fn next(&mut self, lanes: &[Lane], now: Instant) -> Next {
        let mut next = Next::Leave;
        for lane in lanes {
            self.tidy(lane, now);
            let new = || Shelf::new(self.since, now);
            let shelf = self.shelves.entry(lane.clone()).or_insert_with(new);
            shelf.used = now;
            next = match (shelf.first(|turn| self.out.contains_key(&turn.id)), next) {
                (First::Unknown, _) | (_, Next::Read) => Next::Read,
                (First::Turn(turn), Next::Take(other)) => Next::Take(turn.min(other)),
                (First::Turn(turn), Next::Leave) => Next::Take(turn),
                (First::None, next) => next,
            };
        }
        if let Next::Take(turn) = next {
            self.out.insert(turn.id, Out::InHand);
        }
        next
    }

    /// What is to be read of these lanes, and up to where a read must show what happened.
    pub(crate) fn asks(&self, lanes: &[Lane], need: Need, now: Instant) -> (Vec<Ask>, Position) {
        let (mut asks, mut due) = (Vec::new(), 0);
        for lane in lanes {
            let Some(shelf) = self.shelves.get(lane) else { continue };
            let is_out = |turn: &Turn| self.out.contains_key(&turn.id);
            let part = match need {
                Need::Lacking if shelf.first(is_out) != First::Unknown => None,
                Need::Lacking => Some(shelf.lacking()),
                Need::Ahead => shelf.ahead(now),
                Need::Certainty { head, arrived } => {
                    (!shelf.is_surely_empty(head, arrived, now)).then_some(Part::Front)
                }
            };
            let Some(part) = part else { continue };
            let after = match part {
                Part::Front => None,
                Part::After(turn) => Some(turn),
            };
            due = due.max(shelf.due());
            asks.push(Ask { lane: lane.clone(), after });
        }
        match need {
            Need::Certainty { head, .. } => (asks, due.max(head)),
            Need::Lacking | Need::Ahead => (asks, due),
        }
    }

    /// What was read.
    pub(crate) fn put(&mut self, reading: &Reading, read: Vec<(Ask, Vec<Turn>)>) {
        self.out.retain(|_, out| match out {
            Out::InHand => true,
            Out::Until(position) => *position > reading.position,
        });
        for (Ask { lane, after }, turns) in read {
            let Some(shelf) = self.shelves.get_mut(&lane) else { continue };
            let part = after.map_or(Part::Front, Part::After);
            let is_gone = |turn: &Turn| matches!(self.out.get(&turn.id), Some(Out::Until(_)));
            shelf.put(part, reading.clone(), &turns, is_gone);
        }
    }

    /// Its claimer holds it, from this position on.
    pub(crate) fn claimed(&mut self, turn: &Turn, position: Position) {
        self.out.insert(turn.id, Out::Until(position));
        self.shelves.values_mut().for_each(|shelf| shelf.remove(turn));
    }

    /// It could not be taken; the log that said so ended at `head`, or before.
    pub(crate) fn gone(&mut self, turn: &Turn, head: Position) {
        self.out.insert(turn.id, Out::Until(head));
        self.shelves.values_mut().for_each(|shelf| shelf.miss(turn));
    }

    /// Its claimer went away, and nobody knows whether with it.
    pub(crate) fn let_go(&mut self, turn: &Turn) {
        self.out.remove(&turn.id);
    }

    /// Makes room for a new lane.
    fn tidy(&mut self, lane: &Lane, now: Instant) {
        if self.shelves.contains_key(lane) {
            return;
        }
        self.shelves.retain(|_, shelf| now.duration_since(shelf.used) < UNUSED_MAX);
        if self.shelves.len() >= LANES_MAX {
            let used = |(lane, shelf): (&Lane, &Shelf)| (shelf.used, lane.clone());
            let longest_unused = self.shelves.iter().map(used).min_by_key(|(used, _)| *used);
            if let Some((_, lane)) = longest_unused {
                self.shelves.remove(&lane);
            }
        }
    }
}

#[cfg(test)]
#[path = "shelves_tests.rs"]
mod tests;
