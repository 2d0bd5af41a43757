//! A task as of a moment, with what stands beside it: comments, and the ledger of its context.

use std::{collections::VecDeque, mem};

use baton_domain::{
    Envelope, TaskId,
    task::{CommentDocument, Commented, ContextEntry, Task, TaskEvent},
};
use baton_log::{Position, RecordedEvent};

use crate::fold::{FoldError, Folded as _, decode};

/// The event by which a task says that it has a child; others need not be looked into.
const CHILD_DELEGATED: &str = "task.child_delegated";

/// A task as it was.
#[derive(Debug, Default)]
pub struct TaskThen {
    /// The task.
    pub task: Task,
    /// The version of its stream.
    pub version: i64,
    /// Where its last event is.
    pub position: Position,
    /// The comments that were not deleted, oldest first.
    pub comments: Vec<CommentDocument>,
    ledger: Option<Ledger>,
}

/// Which entries of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerPage {
    /// Only of this key.
    pub key: Option<String>,
    /// Only with a number below this one.
    pub below: Option<i64>,
    /// Entries at most, the newest.
    pub limit: usize,
}

/// The entries that are wanted, as far as the stream was read: no more than belong to the page.
#[derive(Debug)]
struct Ledger {
    wanted: LedgerPage,
    /// Oldest first.
    entries: VecDeque<ContextEntry>,
}

impl TaskThen {
    /// One that keeps these entries of its ledger.
    pub(super) fn with_ledger(wanted: LedgerPage) -> Self {
        let ledger = Some(Ledger { wanted, entries: VecDeque::new() });
        Self { ledger, ..Self::default() }
    }

    /// The wanted entries, newest first.
    pub(super) fn into_entries(self) -> Vec<ContextEntry> {
        self.ledger.into_iter().flat_map(|ledger| ledger.entries.into_iter().rev()).collect()
    }

    /// Takes the stream's next event.
    pub(super) fn absorb(&mut self, event: &RecordedEvent) -> Result<(), FoldError> {
        let (envelope, decoded) = decode::<Task>(event)?;
        self.comment(&envelope, &decoded);
        let (written, superseded) = match self.ledger {
            Some(_) => of_context(&decoded),
            None => (Vec::new(), None),
        };
        (self.version, self.position) = (event.version, event.position);
        self.task = mem::take(&mut self.task).fold(&envelope, decoded);
        let Some(ledger) = &mut self.ledger else { return Ok(()) };
        for key in written {
            // The fold has just made it.
            if let Some(entry) = self.task.context_entry(&key) {
                ledger.end(&key, Some(entry.provenance.entry), &envelope);
                ledger.enter(entry);
            }
        }
        if let Some(key) = superseded {
            ledger.end(&key, None, &envelope);
        }
        Ok(())
    }

    fn comment(&mut self, envelope: &Envelope, event: &TaskEvent) {
        match event {
            TaskEvent::Commented(Commented { comment }) => self.comments.push(CommentDocument {
                id: comment.id,
                task_id: self.task.id,
                content: comment.content.clone(),
                author: comment.author.clone(),
                author_agent_id: envelope.actor.agent(),
                created_at: envelope.at,
            }),
            TaskEvent::CommentDeleted(gone) => {
                self.comments.retain(|comment| comment.id != gone.comment_id);
            }
            _ => (),
        }
    }
}

impl Ledger {
    /// The last entry of the key is live no more, if it still was.
    fn end(&mut self, key: &str, by: Option<i64>, envelope: &Envelope) {
        let last = self.entries.iter_mut().rev().find(|entry| entry.key == key);
        if let Some(last) = last.filter(|last| last.provenance.is_live()) {
            last.provenance.superseded_at = Some(envelope.at);
            last.superseded_by = by;
        }
    }

    fn enter(&mut self, entry: ContextEntry) {
        let LedgerPage { key, below, limit } = &self.wanted;
        let is_of_key = key.as_ref().is_none_or(|key| *key == entry.key);
        if !is_of_key || below.is_some_and(|below| entry.provenance.entry >= below) {
            return;
        }
        self.entries.push_back(entry);
        if self.entries.len() > *limit {
            self.entries.pop_front();
        }
    }
}

/// The keys of the context that an event writes, in their order, and the one that it supersedes.
fn of_context(event: &TaskEvent) -> (Vec<String>, Option<String>) {
    let written = event.changes().and_then(|changes| changes.context.as_ref());
    let mut written: Vec<String> = written.into_iter().flat_map(|it| it.keys().cloned()).collect();
    written.sort_unstable();
    match event {
        TaskEvent::ContextSuperseded { key } => (written, Some(key.clone())),
        _ => (written, None),
    }
}

/// The child that the event says was delegated.
pub(super) fn child_of(event: &RecordedEvent) -> Result<Option<TaskId>, FoldError> {
    if event.event_type != CHILD_DELEGATED {
        return Ok(None);
    }
    match decode::<Task>(event)?.1 {
        TaskEvent::ChildDelegated { child_id } => Ok(Some(child_id)),
        _ => Ok(None),
    }
}
