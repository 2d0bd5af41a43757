//! The ledger of a task's context (protocol 0.13, 1.5): each write of a key is an entry in it. The
//! state keeps the last entry of each key, without its value; that one is in the context itself.
//!
//! Must not: keep what was before. Whoever shows history reads it from the log.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    changes::Changes,
    command::TaskRefusal,
    decide::{self, Decision},
    event::TaskEvent,
    state::Task,
};
use crate::{
    AgentId, Right, Standing, TaskId, Timestamp,
    account::Account,
    json::{Object, merge_deep},
};

/// Keys at the top of a context: each has its provenance in every copy of the task.
pub const CONTEXT_KEYS_MAX: usize = 2_000;

/// How the author of an entry knows what it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextSource {
    /// A human said so.
    HumanStated,
    /// An agent concluded it.
    #[default]
    AgentInferred,
    /// An agent saw it.
    AgentObserved,
    /// It was brought in from elsewhere.
    Imported,
}

impl ContextSource {
    /// Every source, in the order of the protocol.
    pub const ALL: [Self; 4] =
        [Self::HumanStated, Self::AgentInferred, Self::AgentObserved, Self::Imported];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::HumanStated => "human_stated",
            Self::AgentInferred => "agent_inferred",
            Self::AgentObserved => "agent_observed",
            Self::Imported => "imported",
        }
    }

    /// The source that a word means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.word() == word)
    }

    /// Whoever names it vouches for others: not every agent may.
    fn is_vouched_for(self) -> bool {
        matches!(self, Self::HumanStated | Self::Imported)
    }
}

/// Where the value of a key has come from: the last entry of the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Its number in the task's ledger, from 1.
    pub entry: i64,
    /// The version of the context that it made.
    pub version: i64,
    /// Who wrote it; none for the project token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<AgentId>,
    /// How the author knows.
    pub source: ContextSource,
    /// When.
    pub at: Timestamp,
    /// Since when it is not to be trusted any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_at: Option<Timestamp>,
}

/// Keys to merge into a context.
#[derive(Debug, Clone, Default)]
pub struct ContextMerge {
    /// The keys with their values.
    pub patch: Object,
    /// How the author knows.
    pub source: ContextSource,
    /// The version that the context should have; it is refused when that is another.
    pub expected_version: Option<i64>,
}

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct ContextEntry {
    /// Whose context.
    pub task_id: TaskId,
    /// Which key.
    pub key: String,
    /// The value of the key after the write.
    pub value: Value,
    /// Who wrote it, when, and how it knows.
    pub provenance: Provenance,
    /// The number of the entry that took its place.
    pub superseded_by: Option<i64>,
}

/// An entry of the ledger, as clients see it (protocol 2.2).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "protocol 2.2 describes each; the OpenAPI document repeats it")]
pub struct ContextEntryDocument {
    pub id: String,
    pub task_id: TaskId,
    pub key: String,
    pub value: Value,
    pub version: i64,
    pub source: ContextSource,
    pub author_agent_id: Option<AgentId>,
    pub author_name: Option<String>,
    pub created_at: Timestamp,
    pub superseded_by: Option<String>,
    pub superseded_at: Option<Timestamp>,
}

/// The live entry of a key without its value (protocol 1.5).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "protocol 1.5 describes each; the OpenAPI document repeats it")]
pub struct ProvenanceDocument {
    pub author_agent_id: Option<AgentId>,
    pub author_name: Option<String>,
    pub source: ContextSource,
    pub version: i64,
    pub created_at: Timestamp,
}

impl Provenance {
    /// It is the live entry of its key.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.superseded_at.is_none()
    }

    /// As clients see it, with the names of `directory`.
    #[must_use]
    pub fn document(&self, directory: &Account) -> ProvenanceDocument {
        ProvenanceDocument {
            author_agent_id: self.author,
            author_name: author_name(self.author, directory),
            source: self.source,
            version: self.version,
            created_at: self.at,
        }
    }
}

impl ContextEntry {
    /// As clients see it, with the names of `directory`.
    #[must_use]
    pub fn document(self, directory: &Account) -> ContextEntryDocument {
        let Self { task_id, key, value, provenance, superseded_by } = self;
        let id_of = |entry: i64| format!("{task_id}-{entry}");
        ContextEntryDocument {
            id: id_of(provenance.entry),
            task_id,
            key,
            value,
            version: provenance.version,
            source: provenance.source,
            author_agent_id: provenance.author,
            author_name: author_name(provenance.author, directory),
            created_at: provenance.at,
            superseded_by: superseded_by.map(id_of),
            superseded_at: provenance.superseded_at,
        }
    }
}

fn author_name(author: Option<AgentId>, directory: &Account) -> Option<String> {
    author.and_then(|agent| directory.name_of(agent)).map(str::to_owned)
}

impl Task {
    /// The last entry of a key.
    #[must_use]
    pub fn context_entry(&self, key: &str) -> Option<ContextEntry> {
        let provenance = self.context_provenance.get(key)?.clone();
        let value = self.context.get(key)?.clone();
        let (task_id, key) = (self.id, key.to_owned());
        Some(ContextEntry { task_id, key, value, provenance, superseded_by: None })
    }
}

impl TaskEvent {
    /// The fields that the event sets.
    #[must_use]
    pub fn changes(&self) -> Option<&Changes> {
        match self {
            Self::Created { changes, .. }
            | Self::Delegated { changes, .. }
            | Self::Updated { changes, .. }
            | Self::Completed { changes, .. }
            | Self::Failed { changes }
            | Self::Cancelled { changes } => Some(changes),
            _ => None,
        }
    }
}

/// Merges keys into the context, on the version that the sender knows, or on any.
pub(super) fn merge(task: &Task, by: &Standing, merge: ContextMerge) -> Decision {
    let ContextMerge { patch, source, expected_version } = merge;
    if source.is_vouched_for() && !by.may(Right::VouchForContext) {
        return Err(TaskRefusal::ContextSourceProtected);
    }
    if expected_version.is_some_and(|expected| expected != task.context_version) {
        let (version, context) = (task.context_version, task.context.clone());
        return Err(TaskRefusal::ContextVersion { version, context });
    }
    let context_source = Some(source).filter(|source| *source != ContextSource::default());
    let changes = Changes { context: Some(patch), context_source, ..Changes::default() };
    let changes = changes.only_new(task);
    decide::check_sizes(task, &changes)?;
    match changes.is_empty() {
        true => Ok(vec![]),
        false => Ok(vec![TaskEvent::Updated { changes, transition: None }]),
    }
}

/// Says that the live entry of a key is not to be trusted any more; its value stays.
pub(super) fn supersede(task: &Task, key: String) -> Decision {
    match task.context_provenance.get(&key).is_some_and(Provenance::is_live) {
        true => Ok(vec![TaskEvent::ContextSuperseded { key }]),
        false => Err(TaskRefusal::NoSuch { what: "Context entry" }),
    }
}

/// Whether a patch would change a value, or who vouches for it: where a source is named, another
/// one than that of the live entry is news, and so is a key whose entry was superseded.
pub(super) fn is_news(task: &Task, patch: &Object, source: Option<ContextSource>) -> bool {
    let is_said = |key: &String| {
        task.context_provenance
            .get(key)
            .is_none_or(|last| last.is_live() && source.is_none_or(|source| source == last.source))
    };
    if !patch.keys().all(is_said) {
        return true;
    }
    let mut merged = task.context.clone();
    merge_deep(&mut merged, patch.clone());
    merged != task.context
}

/// Enters a write of these keys, which has made the context's present version. In the order of the
/// keys, however they were sent.
pub(super) fn enter<'a>(
    task: &mut Task,
    keys: impl Iterator<Item = &'a String>,
    source: Option<ContextSource>,
    (author, at): (Option<AgentId>, Timestamp),
) {
    let mut keys: Vec<&String> = keys.collect();
    keys.sort_unstable();
    let (version, source) = (task.context_version, source.unwrap_or_default());
    for key in keys {
        task.context_entries += 1;
        let entry = task.context_entries;
        let last = Provenance { entry, version, author, source, at, superseded_at: None };
        task.context_provenance.insert(key.clone(), last);
    }
}

#[cfg(test)]
#[path = "context_tests.rs"]
mod tests;
