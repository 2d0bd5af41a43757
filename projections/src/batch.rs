//! A batch of events folded in memory: what each document was, and what it is now.
//!
//! One query loads what the batch changes, one or two statements write it back, whatever the
//! number of events. Nothing here knows a concrete model.

use std::collections::{HashMap, HashSet};
use std::future::Future;

use baton_feed::{HandleError, Transaction};
use baton_history::{Folded, fold};
use baton_log::{Position, RecordedEvent, StreamId};
use serde::{Serialize, de::DeserializeOwned};
use tokio_postgres::types::Type;
use uuid::Uuid;

/// How much of a model a write keeps up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everything.
    Whole,
    /// The documents alone: what is derived from them is filled in afterwards, all at once.
    Documents,
}

/// A state that a read model keeps as rows.
pub(crate) trait Document: Folded + Serialize + DeserializeOwned {
    /// Reads the rows of documents: account_id, id, state, version.
    const LOAD: &'static str;

    /// What further rows hold about a document, and must be known to be taken back.
    type Derived: std::fmt::Debug + Send + Sync;

    /// What further rows hold about this document.
    fn derived(&self) -> Self::Derived;

    /// Writes documents back.
    fn save(
        transaction: &Transaction<'_>,
        changes: &[Change<Self>],
        extent: Extent,
    ) -> impl Future<Output = Result<(), HandleError>> + Send;

    /// Fills in what [`Extent::Documents`] left out, for a page of the documents whose keys come
    /// after `after`; answers the last of them, or none at the end.
    fn derive_after(
        transaction: &Transaction<'_>,
        after: &Key,
    ) -> impl Future<Output = Result<Option<Key>, HandleError>> + Send {
        let _ = (transaction, after);
        async { Ok(None) }
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

impl<S: Document> Batch<S> {
    pub(crate) fn new() -> Self {
        Self { changes: HashMap::new(), payload_bytes: 0 }
    }

    /// Documents that changed.
    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    /// Bytes of the payloads folded in: a measure of the memory taken.
    pub(crate) fn payload_bytes(&self) -> usize {
        self.payload_bytes
    }

    /// Folds the events in, in order; loads the documents that it has not met yet.
    pub(crate) async fn absorb(
        &mut self,
        transaction: &Transaction<'_>,
        events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        let events: Vec<(Key, &RecordedEvent)> = events
            .iter()
            .filter(|event| event.stream.kind == S::KIND)
            .map(|event| Ok((key_of(event)?, event)))
            .collect::<Result<_, HandleError>>()?;
        self.load(transaction, &events).await?;
        for (key, event) in events {
            self.fold_in(key, event)?;
        }
        Ok(())
    }

    /// The changes, in key order: rows are written in the order of their index.
    pub(crate) fn into_changes(self) -> Vec<Change<S>> {
        let mut changes: Vec<Change<S>> = self.changes.into_values().collect();
        changes.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        changes
    }

    async fn load(
        &mut self,
        transaction: &Transaction<'_>,
        events: &[(Key, &RecordedEvent)],
    ) -> Result<(), HandleError> {
        let new = |event: &RecordedEvent| event.version == 1;
        let unmet: HashSet<&Key> = events
            .iter()
            .filter(|(key, event)| !new(event) && !self.changes.contains_key(key))
            .map(|(key, _)| key)
            .collect();
        if unmet.is_empty() {
            return Ok(());
        }
        let accounts: Vec<&str> = unmet.iter().map(|key| key.account.as_str()).collect();
        let ids: Vec<Uuid> = unmet.iter().map(|key| key.id).collect();
        let bound = [(&accounts as _, Type::TEXT_ARRAY), (&ids as _, Type::UUID_ARRAY)];
        for row in transaction.query_typed(S::LOAD, &bound).await? {
            let key = Key { account: row.try_get("account_id")?, id: row.try_get("id")? };
            let state: S = serde_json::from_str(row.try_get("state")?)
                .map_err(|cause| HandleError::event("cannot read a row of the model", cause))?;
            let version = row.try_get("version")?;
            let before = Some(state.derived());
            let change = Change {
                key: key.clone(),
                before,
                version_before: version,
                state,
                version,
                position: 0,
            };
            self.changes.insert(key, change);
        }
        Ok(())
    }

    fn fold_in(&mut self, key: Key, event: &RecordedEvent) -> Result<(), HandleError> {
        let change = self.changes.entry(key.clone()).or_insert_with(|| Change {
            key,
            before: None,
            version_before: 0,
            state: S::default(),
            version: 0,
            position: 0,
        });
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
        self.payload_bytes += event.payload.len();
        Ok(())
    }
}

/// Every changed document must have been written: a row that was not at the version it was
/// loaded at is another's work.
pub(crate) fn all_written(written: u64, wanted: usize) -> Result<(), HandleError> {
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
