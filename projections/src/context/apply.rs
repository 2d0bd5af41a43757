//! Writes what events say about contexts: entries, and which of those before are live no more.
//!
//! The rows follow from the log alone, however its events are cut into batches: an entry's words
//! are those of its own write, with the task's as of now, or as of its end.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use baton_domain::TaskId;
use baton_domain::stored::Event as _;
use baton_domain::task::{self, ContextEntry, Task, TaskEvent};
use baton_feed::HandleError;
use baton_history::History;
use baton_log::{RecordedEvent, Wanted};
use uuid::Uuid;

use super::words;
use crate::rows::Rows;
use crate::statement::{Tables, Value};

const INSERT: &str = include_str!("sql/insert.sql");
const END: &str = include_str!("sql/end.sql");
const RETEXT: &str = include_str!("sql/retext.sql");

/// How a payload begins to say of a context, and of the words of a task.
const CONTEXT: Option<&str> = Some("\"context\":");
const CONTENT: Option<&str> = Some("\"content\":");
const DESCRIPTION: Option<&str> = Some("\"description\":");

/// The model.
pub(crate) struct Contexts;

impl Rows for Contexts {
    const KIND: &'static str = task::KIND;

    /// What says of a context elsewhere, in a text, is found out when it is read.
    const EFFECTIVE: &'static [Wanted] = &[
        Wanted { event_type: "task.context_superseded", says: None },
        Wanted { event_type: "task.created", says: CONTEXT },
        Wanted { event_type: "task.updated", says: CONTEXT },
        Wanted { event_type: "task.updated", says: CONTENT },
        Wanted { event_type: "task.updated", says: DESCRIPTION },
        Wanted { event_type: "task.delegated", says: CONTEXT },
        Wanted { event_type: "task.delegated", says: CONTENT },
        Wanted { event_type: "task.delegated", says: DESCRIPTION },
        Wanted { event_type: "task.completed", says: CONTEXT },
        Wanted { event_type: "task.completed", says: CONTENT },
        Wanted { event_type: "task.completed", says: DESCRIPTION },
        Wanted { event_type: "task.failed", says: CONTEXT },
        Wanted { event_type: "task.failed", says: CONTENT },
        Wanted { event_type: "task.failed", says: DESCRIPTION },
        Wanted { event_type: "task.cancelled", says: CONTEXT },
        Wanted { event_type: "task.cancelled", says: CONTENT },
        Wanted { event_type: "task.cancelled", says: DESCRIPTION },
    ];

    async fn write(
        tables: Tables<'_>,
        history: &History,
        events: &[&RecordedEvent],
    ) -> Result<(), HandleError> {
        let mut batch = Batch::default();
        for event in events {
            batch.absorb(history, event).await?;
        }
        batch.save(tables).await
    }
}

/// A key of the context of a task of an account.
type Key<'a> = (&'a str, TaskId, String);

/// What a batch leads to.
#[derive(Default)]
struct Batch<'a> {
    entries: Vec<Written<'a>>,
    /// Where the last entry of a key is among these.
    last: HashMap<Key<'a>, usize>,
    /// Entries of before that end.
    ended: Vec<Ended<'a>>,
    /// Their keys.
    ended_keys: HashSet<Key<'a>>,
    /// Tasks of other words than before.
    retexted: HashMap<(&'a str, TaskId), Arc<Task>>,
}

struct Written<'a> {
    account: &'a str,
    entry: ContextEntry,
    /// The task as of now, or as of the entry's end.
    task: Arc<Task>,
}

struct Ended<'a> {
    key: Key<'a>,
    by: Option<i64>,
    at: jiff::Timestamp,
    task: Arc<Task>,
}

impl<'a> Batch<'a> {
    async fn absorb(
        &mut self,
        history: &History,
        event: &'a RecordedEvent,
    ) -> Result<(), HandleError> {
        let (event_type, version) = (&event.event_type, event.schema_version);
        let decoded = TaskEvent::decode(event_type, version, &event.payload)
            .map_err(|cause| HandleError::event("cannot read an event about a context", cause))?;
        let task = history.tasks().after(event).await?;
        let account = event.stream.account.as_str();
        if let TaskEvent::ContextSuperseded { key } = decoded {
            self.end((account, task.id, key), None, event, &task);
            return Ok(());
        }
        let Some(changes) = decoded.changes() else { return Ok(()) };
        let is_new = event.version == 1;
        if !is_new && (changes.content.is_some() || changes.description.is_some()) {
            self.retext(account, &task);
        }
        let mut keys: Vec<&String> = changes.context.iter().flatten().map(|(key, _)| key).collect();
        keys.sort_unstable();
        for key in keys {
            let entry = task.context_entry(key).ok_or_else(|| {
                HandleError::event("the task does not fit the log", NoEntry { key: key.clone() })
            })?;
            let (number, key) = (entry.provenance.entry, (account, task.id, key.clone()));
            if !is_new {
                self.end(key.clone(), Some(number), event, &task);
            }
            self.last.insert(key, self.entries.len());
            self.entries.push(Written { account, entry, task: Arc::clone(&task) });
        }
        Ok(())
    }

    /// The last entry of the key is live no more, if it still was.
    fn end(&mut self, key: Key<'a>, by: Option<i64>, event: &RecordedEvent, task: &Arc<Task>) {
        let at = event.recorded_at;
        if let Some(place) = self.last.get(&key) {
            let last = &mut self.entries[*place];
            if last.entry.provenance.is_live() {
                last.entry.provenance.superseded_at = Some(at.into());
                last.entry.superseded_by = by;
                last.task = Arc::clone(task);
            }
        } else if self.ended_keys.insert(key.clone()) {
            self.ended.push(Ended { key, by, at, task: Arc::clone(task) });
        }
    }

    /// The live entries of the task are found by its new words.
    fn retext(&mut self, account: &'a str, task: &Arc<Task>) {
        for written in &mut self.entries {
            let is_its = written.account == account && written.entry.task_id == task.id;
            if is_its && written.entry.provenance.is_live() {
                written.task = Arc::clone(task);
            }
        }
        self.retexted.insert((account, task.id), Arc::clone(task));
    }

    /// What is from before the batch comes first: nothing of that is meant by later words.
    async fn save(self, tables: Tables<'_>) -> Result<(), HandleError> {
        if !self.ended.is_empty() {
            end_all(tables, &self.ended).await?;
        }
        if !self.retexted.is_empty() {
            retext_all(tables, &self.retexted).await?;
        }
        if !self.entries.is_empty() {
            insert_all(tables, &self.entries).await?;
        }
        Ok(())
    }
}

/// An event wrote a key that the task after it does not have.
#[derive(Debug, thiserror::Error)]
#[error("the context has no entry of \"{key}\" after its write")]
struct NoEntry {
    key: String,
}

async fn end_all(tables: Tables<'_>, ended: &[Ended<'_>]) -> Result<(), HandleError> {
    let accounts: Vec<&str> = ended.iter().map(|it| it.key.0).collect();
    let tasks: Vec<Uuid> = ended.iter().map(|it| it.key.1.0).collect();
    let keys: Vec<&str> = ended.iter().map(|it| it.key.2.as_str()).collect();
    let by: Vec<Option<i64>> = ended.iter().map(|it| it.by).collect();
    let at: Vec<jiff::Timestamp> = ended.iter().map(|it| it.at).collect();
    let contents: Vec<&str> = ended.iter().map(|it| it.task.content.as_str()).collect();
    let descriptions: Vec<&str> = ended.iter().map(|it| description(&it.task)).collect();
    let values: [Value<'_>; 7] = [&accounts, &tasks, &keys, &by, &at, &contents, &descriptions];
    tables.write(END, &values).await?;
    Ok(())
}

async fn retext_all(
    tables: Tables<'_>,
    retexted: &HashMap<(&str, TaskId), Arc<Task>>,
) -> Result<(), HandleError> {
    let accounts: Vec<&str> = retexted.keys().map(|(account, _)| *account).collect();
    let tasks: Vec<Uuid> = retexted.keys().map(|(_, task)| task.0).collect();
    let contents: Vec<&str> = retexted.values().map(|task| task.content.as_str()).collect();
    let descriptions: Vec<&str> = retexted.values().map(|task| description(task)).collect();
    let values: [Value<'_>; 4] = [&accounts, &tasks, &contents, &descriptions];
    tables.write(RETEXT, &values).await?;
    Ok(())
}

async fn insert_all(tables: Tables<'_>, entries: &[Written<'_>]) -> Result<(), HandleError> {
    let mut columns = Columns::default();
    entries.iter().for_each(|written| columns.push(written));
    tables.write(INSERT, &columns.values()).await?;
    Ok(())
}

/// Entries as columns.
#[derive(Default)]
struct Columns<'a> {
    accounts: Vec<&'a str>,
    tasks: Vec<Uuid>,
    entries: Vec<i64>,
    keys: Vec<&'a str>,
    values: Vec<String>,
    versions: Vec<i64>,
    sources: Vec<&'static str>,
    authors: Vec<Option<Uuid>>,
    created_at: Vec<jiff::Timestamp>,
    superseded_by: Vec<Option<i64>>,
    superseded_at: Vec<Option<jiff::Timestamp>>,
    key_words: Vec<&'a str>,
    value_words: Vec<String>,
    contents: Vec<&'a str>,
    descriptions: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, written: &'a Written<'_>) {
        let Written { account, entry, task } = written;
        let provenance = &entry.provenance;
        self.accounts.push(account);
        self.tasks.push(entry.task_id.0);
        self.entries.push(provenance.entry);
        self.keys.push(&entry.key);
        self.values.push(entry.value.to_string());
        self.versions.push(provenance.version);
        self.sources.push(provenance.source.word());
        self.authors.push(provenance.author.map(|agent| agent.0));
        self.created_at.push(provenance.at.to_jiff());
        self.superseded_by.push(entry.superseded_by);
        self.superseded_at.push(provenance.superseded_at.map(|at| at.to_jiff()));
        self.key_words.push(words::of_key(&entry.key));
        self.value_words.push(words::of_value(&entry.value));
        self.contents.push(&task.content);
        self.descriptions.push(description(task));
    }

    fn values(&self) -> [Value<'_>; 15] {
        [
            &self.accounts,
            &self.tasks,
            &self.entries,
            &self.keys,
            &self.values,
            &self.versions,
            &self.sources,
            &self.authors,
            &self.created_at,
            &self.superseded_by,
            &self.superseded_at,
            &self.key_words,
            &self.value_words,
            &self.contents,
            &self.descriptions,
        ]
    }
}

fn description(task: &Task) -> &str {
    task.description.as_deref().unwrap_or_default()
}
