//! The next tasks of one lane, as far as this process knows them.
//!
//! Must not: wait, read, or know which tasks are handed out but by being told.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use baton_domain::task::Turn;
use baton_log::Position;

use crate::shelves::Reading;

/// Tasks that one read brings at most.
pub(crate) const TURNS_MAX: usize = 512;
/// Tasks that are kept; of more the last are let fall, to be read when their turn comes.
const KEPT_MAX: usize = 2 * TURNS_MAX;
/// With fewer it is time to read on.
const LOW: usize = TURNS_MAX / 2;

/// Another process may have opened a task whose turn is earlier: so often it is looked for, ...
const AGAIN_AFTER_MIN: Duration = Duration::from_millis(250);
/// ... more often where candidates turned out to be gone, ...
const AFTER_A_MISS_MIN: Duration = Duration::from_millis(20);
/// ... but not so often that looking becomes the work: a read may be long where others hold old
/// snapshots, because it steps over every row that is not there any more.
const TIMES_LONGER: u32 = 20;
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(5);
/// So long ago a read may be that found nothing, for the next to be told so.
const NOTHING_FOR: Duration = Duration::from_millis(100);

/// Up to where nothing is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Nothing,
    UpTo(Turn),
    End,
}

/// What is next in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// This task.
    Turn(Turn),
    /// A task that must be read first.
    Unknown,
    /// None: the lane is empty.
    None,
}

/// What is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// From the first on.
    Front,
    /// After this one.
    After(Turn),
}

/// The next tasks of a lane.
#[derive(Debug)]
pub(crate) struct Shelf {
    /// Each with the position at which this process left it open, 0 where it was read.
    turns: BTreeMap<Turn, Position>,
    reach: Reach,
    /// A read must show what happened up to here: some of it was let fall, or never heard.
    due: Position,
    /// The last read of the front.
    front: Option<Reading>,
    /// A candidate was gone since.
    missed: bool,
    pub(crate) used: Instant,
}

impl Shelf {
    pub(crate) fn new(due: Position, now: Instant) -> Self {
        let (turns, reach) = (BTreeMap::new(), Reach::Nothing);
        Self { turns, reach, due, front: None, missed: false, used: now }
    }

    /// A task was left open.
    pub(crate) fn hear(&mut self, turn: Turn, position: Position) {
        let known = self.turns.entry(turn).or_default();
        *known = position.max(*known);
        if self.turns.len() <= KEPT_MAX {
            return;
        }
        let Some(last) = self.turns.keys().nth(TURNS_MAX - 1).copied() else { return };
        let fallen: Vec<Turn> = self.turns.range(last..).skip(1).map(|(turn, _)| *turn).collect();
        for turn in fallen {
            self.due = self.due.max(self.turns.remove(&turn).unwrap_or_default());
        }
        self.reach = match self.reach {
            Reach::End => Reach::UpTo(last),
            Reach::UpTo(reach) => Reach::UpTo(reach.min(last)),
            Reach::Nothing => Reach::Nothing,
        };
    }

    /// The first task that is not out.
    pub(crate) fn first(&self, is_out: impl Fn(&Turn) -> bool) -> First {
        let first = self.turns.keys().find(|turn| !is_out(turn));
        match (first, self.reach) {
            (Some(turn), Reach::End) => First::Turn(*turn),
            (Some(turn), Reach::UpTo(reach)) if *turn <= reach => First::Turn(*turn),
            (None, Reach::End) => First::None,
            (_, Reach::UpTo(_) | Reach::Nothing) => First::Unknown,
        }
    }

    /// It has been taken.
    pub(crate) fn remove(&mut self, turn: &Turn) {
        self.turns.remove(turn);
    }

    /// It was not there.
    pub(crate) fn miss(&mut self, turn: &Turn) {
        self.missed |= self.turns.remove(turn).is_some();
    }

    /// A read must show what happened up to here.
    pub(crate) fn due(&self) -> Position {
        self.due
    }

    /// What is missing where [`First::Unknown`] is next.
    pub(crate) fn lacking(&self) -> Part {
        match self.reach {
            Reach::UpTo(turn) => Part::After(turn),
            Reach::Nothing | Reach::End => Part::Front,
        }
    }

    /// What is worth reading before it is missed.
    pub(crate) fn ahead(&self, now: Instant) -> Option<Part> {
        let Some(front) = &self.front else { return Some(Part::Front) };
        let at_least = if self.missed { AFTER_A_MISS_MIN } else { AGAIN_AFTER_MIN };
        let wait = (front.took * TIMES_LONGER).clamp(at_least, AGAIN_AFTER_MAX);
        match self.reach {
            _ if now.duration_since(front.began) > wait => Some(Part::Front),
            Reach::UpTo(turn) if self.turns.len() < LOW => Some(Part::After(turn)),
            Reach::UpTo(_) | Reach::Nothing | Reach::End => None,
        }
    }

    /// Nothing was in the lane when the log ended at `head`, nor, but for a moment, when somebody
    /// `arrived`: a lease may have ended since.
    pub(crate) fn is_surely_empty(&self, head: Position, arrived: Instant, now: Instant) -> bool {
        let Some(front) = &self.front else { return false };
        let is_recent = front.began >= arrived || now.duration_since(front.began) <= NOTHING_FOR;
        self.reach == Reach::End && front.position >= head && is_recent
    }

    /// A part was read: these are the tasks, and they are all where they are fewer than
    /// [`TURNS_MAX`].
    pub(crate) fn put(
        &mut self,
        part: Part,
        reading: Reading,
        turns: &[Turn],
        is_gone: impl Fn(&Turn) -> bool,
    ) {
        match part {
            Part::Front => {
                // What happened after the read is known from nowhere else.
                self.turns.retain(|_, position| *position > reading.position);
                self.front = Some(reading);
                self.missed = false;
            }
            // Something fell meanwhile, before what was read: it would be missing.
            Part::After(turn) if self.reach != Reach::UpTo(turn) => return,
            Part::After(_) => {}
        }
        for turn in turns.iter().filter(|turn| !is_gone(turn)) {
            self.turns.entry(*turn).or_default();
        }
        self.reach = match turns.last() {
            Some(last) if turns.len() >= TURNS_MAX => Reach::UpTo(*last),
            _ => Reach::End,
        };
    }
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
