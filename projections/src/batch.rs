//! A batch of events folded in memory: what each document was, and what it is now.
//!
//! One query loads what the batch changes, a few statements at once write it back, whatever the
//! number of events. Nothing here knows a concrete model.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;

use baton_feed::HandleError;
use baton_history::{Folded, States, fold};
use baton_log::{Position, RecordedEvent, StreamId};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::statement::{Tables, Value};

/// A state that a read model keeps as rows.
pub(crate) trait Document: Folded + Serialize + DeserializeOwned {
    /// Reads the rows of documents: account_id, id, state, version.
    const LOAD: &'static str;

    /// What further rows hold about a document, and must be known to be taken back.
    type Derived: std::fmt::Debug + Send + Sync;

    /// What further rows hold about this document.
    fn derived(&self) -> Self::Derived;

    /// It will hardly change any more.
    fn is_settled(&self) -> bool {
        false
    }

    /// Writes documents back, and what is derived from them.
    fn save(
        tables: Tables<'_>,
        changes: &[Change<Self>],
    ) -> impl Future<Output = Result<(), HandleError>> + Send;

    /// Writes documents back into tables that have no indexes but by key yet.
    fn fill(
        tables: Tables<'_>,
        changes: &[Change<Self>],
    ) -> impl Future<Output = Result<(), HandleError>> + Send {
        Self::save(tables, changes)
    }

    /// Writes what is derived from new documents, where [`Document::fill`] does not, beside it and
    /// in a transaction of its own.
    fn fill_derived(
        tables: Tables<'_>,
        changes: &[Change<Self>],
    ) -> impl Future<Output = Result<(), HandleError>> + Send {
        let _ = (tables, changes);
        async { Ok(()) }
    }

    /// Completes what these two left out.
    fn finish(tables: Tables<'_>) -> impl Future<Output = Result<(), HandleError>> + Send {
        let _ = tables;
        async { Ok(()) }
    }
}

/// Names one document. The default comes before every other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) account: String,
    pub(crate) id: Uuid,
}

/// One document before and after a batch.
#[derive(Debug)]
pub(crate) struct Change<S: Document> {
    pub(crate) key: Key,
    /// What further rows held about it; none for a document that is new.
    pub(crate) before: Option<S::Derived>,
    /// 0 for a document that is new.
    pub(crate) version_before: i64,
    pub(crate) state: S,
    pub(crate) version: i64,
    /// The last event's.
    pub(crate) position: Position,
    /// Of the state that was loaded and the events folded in.
    payload_bytes: usize,
}

/// The row of a document is not what its next event was recorded on.
#[derive(Debug, thiserror::Error)]
#[error("{stream} is at version {found} where the event at {position} makes version {next}")]
struct VersionGap {
    stream: StreamId,
    found: i64,
    position: Position,
    next: i64,
}

/// Fewer rows were written than documents had changed.
#[derive(Debug, thiserror::Error)]
#[error("{written} rows were written where {wanted} had changed")]
struct RowsMissing {
    written: u64,
    wanted: usize,
}

/// Documents as far as they were folded, by key.
#[derive(Debug)]
pub(crate) struct Batch<S: Document> {
    changes: HashMap<Key, Change<S>>,
    payload_bytes: usize,
}

/// Events of one kind, each with the document that it changes.
pub(crate) type Keyed<'a> = Vec<(Key, &'a RecordedEvent)>;

impl<S: Document> Batch<S> {
    pub(crate) fn new() -> Self {
        Self { changes: HashMap::new(), payload_bytes: 0 }
    }

    /// Documents that changed.
    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    /// Bytes of the states loaded and the payloads folded in: a measure of the memory taken.
    pub(crate) fn payload_bytes(&self) -> usize {
        self.payload_bytes
    }

    /// Folds the events in, in order. Documents that it has not met yet are taken from what this
    /// process has folded of the log anyway, or else loaded.
    pub(crate) async fn absorb(
        &mut self,
        tables: Tables<'_>,
        states: &States<S>,
        events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        let events = Self::keyed(events)?;
        self.recall(states, &events);
        self.load(tables, &events).await?;
        self.fold(events)
    }

    /// Takes the unmet documents whose state before their first event here is in memory. That their
    /// rows are of that version is checked when they are written.
    fn recall(&mut self, states: &States<S>, events: &Keyed<'_>) {
        let mut met = HashSet::new();
        for (key, event) in events {
            let version = event.version - 1;
            if !met.insert(key) || version == 0 || self.changes.contains_key(key) {
                continue;
            }
            if let Some(state) = states.exactly(&event.stream, version) {
                let state = Arc::unwrap_or_clone(state);
                self.changes.insert(key.clone(), Change::known(key.clone(), state, version));
            }
        }
    }

    /// Those of its kind.
    pub(crate) fn keyed(events: &[RecordedEvent]) -> Result<Keyed<'_>, HandleError> {
        let events = events.iter().filter(|event| event.stream.kind == S::KIND);
        events.map(|event| Ok((key_of(event)?, event))).collect()
    }

    /// Whether it has not met a document that these events change.
    pub(crate) fn lacks(&self, events: &Keyed<'_>) -> bool {
        !self.unmet(events).is_empty()
    }

    /// Folds the events in, in order, into documents that it has met.
    pub(crate) fn fold(&mut self, events: Keyed<'_>) -> Result<(), HandleError> {
        events.into_iter().try_for_each(|(key, event)| self.fold_in(key, event))
    }

    /// The changes, in key order: rows are written in the order of their index.
    pub(crate) fn into_changes(self) -> Vec<Change<S>> {
        in_key_order(self.changes.into_values().collect())
    }

    /// Takes out what will hardly change any more, and of the others those that changed longest
    /// ago, but for `left` of them; in key order.
    pub(crate) fn settled(&mut self, left: usize) -> Vec<Change<S>> {
        let changes = std::mem::take(&mut self.changes).into_values();
        let (mut gone, mut stay): (Vec<_>, Vec<_>) =
            changes.partition(|change| change.state.is_settled());
        stay.sort_unstable_by_key(|change| Reverse(change.position));
        gone.extend(stay.drain(left.min(stay.len())..));
        self.payload_bytes = stay.iter().map(|change| change.payload_bytes).sum();
        self.changes = stay.into_iter().map(|change| (change.key.clone(), change)).collect();
        in_key_order(gone)
    }

    fn unmet<'a>(&self, events: &'a Keyed<'_>) -> HashSet<&'a Key> {
        let new = |event: &RecordedEvent| event.version == 1;
        let mut unmet = HashSet::new();
        let mut begun = HashSet::new();
        for (key, event) in events {
            if new(event) {
                begun.insert(key);
            } else if !self.changes.contains_key(key) && !begun.contains(key) {
                unmet.insert(key);
            }
        }
        unmet
    }

    pub(crate) async fn load(
        &mut self,
        tables: Tables<'_>,
        events: &Keyed<'_>,
    ) -> Result<(), HandleError> {
        let unmet = self.unmet(events);
        if unmet.is_empty() {
            return Ok(());
        }
        let accounts: Vec<&str> = unmet.iter().map(|key| key.account.as_str()).collect();
        let ids: Vec<Uuid> = unmet.iter().map(|key| key.id).collect();
        for row in tables.rows(S::LOAD, &[&accounts, &ids]).await? {
            let key = Key { account: row.try_get("account_id")?, id: row.try_get("id")? };
            let text: &str = row.try_get("state")?;
            let state: S = serde_json::from_str(text)
                .map_err(|cause| HandleError::event("cannot read a row of the model", cause))?;
            let version = row.try_get("version")?;
            let change =
                Change { payload_bytes: text.len(), ..Change::known(key.clone(), state, version) };
            self.payload_bytes += text.len();
            self.changes.insert(key, change);
        }
        Ok(())
    }

    fn fold_in(&mut self, key: Key, event: &RecordedEvent) -> Result<(), HandleError> {
        let change = match self.changes.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let key = new.key().clone();
                new.insert(Change::new(key))
            }
        };
        if event.version != change.version + 1 {
            let gap = VersionGap {
                stream: event.stream.clone(),
                found: change.version,
                position: event.position,
                next: event.version,
            };
            return Err(HandleError::event("the model does not fit the log", gap));
        }
        change.state = fold(std::mem::take(&mut change.state), event)?;
        change.version = event.version;
        change.position = event.position;
        change.payload_bytes += event.payload.len();
        self.payload_bytes += event.payload.len();
        Ok(())
    }
}

impl<S: Document> Change<S> {
    /// Of a document that there is, before any event of the batch.
    fn known(key: Key, state: S, version: i64) -> Self {
        let before = Some(state.derived());
        Self { before, version_before: version, state, version, ..Self::new(key) }
    }

    fn new(key: Key) -> Self {
        Self {
            key,
            before: None,
            version_before: 0,
            state: S::default(),
            version: 0,
            position: 0,
            payload_bytes: 0,
        }
    }
}

fn in_key_order<S: Document>(mut changes: Vec<Change<S>>) -> Vec<Change<S>> {
    changes.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    changes
}

/// What each change has, as a column.
pub(crate) fn column<'a, S: Document, T>(
    changes: &[&'a Change<S>],
    value: impl Fn(&'a Change<S>) -> T,
) -> Vec<T> {
    changes.iter().map(|change| value(change)).collect()
}

/// Writes a row for each change, or fails: what the rows of all documents hold, then columns that
/// only these have.
pub(crate) async fn write_rows<S: Document>(
    tables: Tables<'_>,
    sql: &'static str,
    changes: &[&Change<S>],
    own: &[Value<'_>],
) -> Result<(), HandleError> {
    let states = column(changes, |change| serde_json::to_string(&change.state));
    let states = states.into_iter().collect::<Result<Vec<String>, _>>();
    let states = states.map_err(|cause| HandleError::event("cannot print a document", cause))?;
    let accounts = column(changes, |change| change.key.account.as_str());
    let ids = column(changes, |change| change.key.id);
    let versions = column(changes, |change| change.version);
    let positions = column(changes, |change| change.position);
    let every: [Value<'_>; 5] = [&accounts, &ids, &states, &versions, &positions];
    write(tables, sql, changes.len(), &[&every, own].concat()).await
}

/// Writes so many rows, if any, or fails.
pub(crate) async fn write(
    tables: Tables<'_>,
    sql: &'static str,
    rows: usize,
    values: &[Value<'_>],
) -> Result<(), HandleError> {
    if rows == 0 {
        return Ok(());
    }
    all_written(tables.write(sql, values).await?, rows)
}

/// Every changed document must have been written: a row that was not at the version it was
/// loaded at is another's work.
fn all_written(written: u64, wanted: usize) -> Result<(), HandleError> {
    if usize::try_from(written) == Ok(wanted) {
        return Ok(());
    }
    let missing = RowsMissing { written, wanted };
    Err(HandleError::event("the model does not fit the log", missing))
}

fn key_of(event: &RecordedEvent) -> Result<Key, HandleError> {
    let id = Uuid::try_parse(&event.stream.id)
        .map_err(|cause| HandleError::event("cannot read a stream's id", cause))?;
    Ok(Key { account: event.stream.account.clone(), id })
}
