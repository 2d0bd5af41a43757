//! Which waiting commands may share a batch. Pure: no I/O, no answers.

use std::collections::{HashSet, VecDeque};

use tokio::sync::oneshot;

use crate::append::{Append, Appended, Prepared};
use crate::error::AppendError;
use crate::event::StreamId;

/// Commands of one batch.
const BATCH_COMMANDS_MAX: usize = 512;
/// Events of one batch; at least [`crate::COMMAND_EVENTS_MAX`].
const BATCH_EVENTS_MAX: usize = 2_048;
/// Bytes of one batch, near enough; a larger command goes alone.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A command in the queue and the way to answer it.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) command: Prepared,
    pub(crate) answer: oneshot::Sender<Result<Appended, AppendError>>,
}

/// Takes the next batch out of the queue; the others stay, in order.
///
/// A command joins when it conflicts with none that stands before it in the queue, taken or left:
/// so the first is always taken, and commands that touch one stream are never reordered.
pub(crate) fn take(waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    let taken = choose(waiting);
    let mut batch = Vec::with_capacity(taken.iter().filter(|taken| **taken).count());
    let mut left = VecDeque::with_capacity(waiting.len());
    let undecided = waiting.split_off(taken.len());
    for (waiting, taken) in waiting.drain(..).zip(taken) {
        if taken { batch.push(waiting) } else { left.push_back(waiting) }
    }
    left.extend(undecided);
    *waiting = left;
    batch
}

/// One element per command looked at: whether it joins.
fn choose(waiting: &VecDeque<Waiting>) -> Vec<bool> {
    let mut seen = Footprints::default();
    let mut taken = Vec::with_capacity(waiting.len());
    let (mut commands, mut events, mut bytes) = (0, 0, 0);
    for Waiting { command, .. } in waiting {
        let free = seen.admits(&command.append);
        seen.add(&command.append);
        taken.push(free);
        if !free {
            continue;
        }
        commands += 1;
        events += command.hashes.len();
        bytes += command.bytes;
        if commands > 1 && (events > BATCH_EVENTS_MAX || bytes > BATCH_BYTES_MAX) {
            taken.pop();
            break;
        }
        if commands == BATCH_COMMANDS_MAX {
            break;
        }
    }
    taken
}

/// What the commands looked at so far touch.
#[derive(Default)]
struct Footprints<'a> {
    written: HashSet<&'a StreamId>,
    guarded: HashSet<&'a StreamId>,
    keys: HashSet<(&'a str, &'a str, &'a str)>,
    written_accounts: HashSet<&'a str>,
    headed_accounts: HashSet<&'a str>,
}

impl<'a> Footprints<'a> {
    /// Whether the checks of `append`, and of those before, mean the same in one batch as in two.
    fn admits(&self, append: &'a Append) -> bool {
        let account = append.account.as_str();
        let writes_free = append.writes.iter().all(|write| {
            !self.written.contains(&write.stream) && !self.guarded.contains(&write.stream)
        });
        let guards_free = append.guards.iter().all(|guard| !self.written.contains(&guard.stream));
        let key_free = key(append).is_none_or(|key| !self.keys.contains(&key));
        let head_free = append.head.is_none() || !self.written_accounts.contains(account);
        let account_free = append.writes.is_empty() || !self.headed_accounts.contains(account);
        writes_free && guards_free && key_free && head_free && account_free
    }

    fn add(&mut self, append: &'a Append) {
        self.written.extend(append.writes.iter().map(|write| &write.stream));
        self.guarded.extend(append.guards.iter().map(|guard| &guard.stream));
        self.keys.extend(key(append));
        if !append.writes.is_empty() {
            self.written_accounts.insert(&append.account);
        }
        if append.head.is_some() {
            self.headed_accounts.insert(&append.account);
        }
    }
}

fn key(append: &Append) -> Option<(&str, &str, &str)> {
    let key = append.key.as_ref()?;
    Some((append.account.as_str(), key.credential.as_str(), key.key.as_str()))
}
