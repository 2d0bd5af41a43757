//! Reads of contexts: the history of one, and what a recall finds in all of them.

use baton_domain::task::{ContextEntry, ContextSource, Provenance, Task};
use baton_domain::{AccountId, AgentId, ProjectId, Right, Standing, TaskId, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::error::QueryError;
use crate::reads::{Reads, state};
use crate::tasks::{lists_of, words_by_code};

const HISTORY: &str = include_str!("sql/history.sql");
const RECALL: &str = include_str!("sql/recall.sql");

/// Which entries of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPage {
    /// Only of this key.
    pub key: Option<String>,
    /// Only with a number below this one.
    pub below: Option<i64>,
    /// Entries at most.
    pub limit: i64,
}

/// What a recall asks for. What is none does not filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recall {
    /// In words.
    pub words: String,
    /// Only in tasks of this project.
    pub project: Option<ProjectId>,
    /// Only from this source.
    pub source: Option<ContextSource>,
    /// Only of this key.
    pub key: Option<String>,
    /// Also entries that are not live any more.
    pub include_superseded: bool,
    /// Entries at most.
    pub limit: u32,
}

/// An entry that a recall found.
#[derive(Clone, Debug, PartialEq)]
pub struct Recalled {
    /// The entry.
    pub entry: ContextEntry,
    /// Its task.
    pub task: Task,
    /// How well it fits; what a human stated is above 1, everything else below.
    pub score: f64,
}

impl Reads {
    /// Entries of a task's ledger, newest first.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub async fn context_history(
        &self,
        account: &AccountId,
        task: TaskId,
        wanted: &HistoryPage,
    ) -> Result<Vec<ContextEntry>, QueryError> {
        let bound = [
            (&account.as_str() as _, Type::TEXT),
            (&task.0 as _, Type::UUID),
            (&wanted.key as _, Type::TEXT),
            (&wanted.below as _, Type::INT8),
            (&wanted.limit as _, Type::INT8),
        ];
        self.rows(HISTORY, &bound).await?.iter().map(entry).collect()
    }

    /// The entries that fit best, of all tasks that the caller may read: those that have every
    /// word, or where these are fewer than were asked for, those that have any.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub async fn recall(
        &self,
        account: &AccountId,
        caller: &Standing,
        wanted: &Recall,
    ) -> Result<Vec<Recalled>, QueryError> {
        let found = self.recall_with(account, caller, wanted, true).await?;
        if found.len() >= wanted.limit as usize {
            return Ok(found);
        }
        self.recall_with(account, caller, wanted, false).await
    }

    async fn recall_with(
        &self,
        account: &AccountId,
        caller: &Standing,
        wanted: &Recall,
        every_word: bool,
    ) -> Result<Vec<Recalled>, QueryError> {
        let readers = (!caller.may(Right::ReadAllTasks)).then(|| lists_of(account, caller));
        let statuses = words_by_code();
        let source = wanted.source.map(ContextSource::word);
        let project = wanted.project.map(|project| project.0);
        let limit = i64::from(wanted.limit);
        let bound = [
            (&account.as_str() as _, Type::TEXT),
            (&wanted.words as _, Type::TEXT),
            (&wanted.include_superseded as _, Type::BOOL),
            (&source as _, Type::TEXT),
            (&wanted.key as _, Type::TEXT),
            (&project as _, Type::UUID),
            (&readers as _, Type::UUID_ARRAY),
            (&limit as _, Type::INT8),
            (&every_word as _, Type::BOOL),
            (&statuses as _, Type::TEXT_ARRAY),
        ];
        self.rows(RECALL, &bound).await?.iter().map(recalled).collect()
    }
}

fn recalled(row: &Row) -> Result<Recalled, QueryError> {
    Ok(Recalled { entry: entry(row)?, task: state(row)?, score: row.try_get("score")? })
}

fn entry(row: &Row) -> Result<ContextEntry, QueryError> {
    let value = serde_json::from_str(row.try_get("value")?).map_err(QueryError::Row)?;
    let word: &str = row.try_get("source")?;
    let at = |time: jiff::Timestamp| Timestamp::from(time);
    let provenance = Provenance {
        entry: row.try_get("entry")?,
        version: row.try_get("version")?,
        author: row.try_get::<_, Option<Uuid>>("author_agent_id")?.map(AgentId),
        source: ContextSource::from_word(word).unwrap_or_default(),
        at: at(row.try_get("created_at")?),
        superseded_at: row.try_get::<_, Option<jiff::Timestamp>>("superseded_at")?.map(at),
    };
    Ok(ContextEntry {
        task_id: TaskId(row.try_get("task_id")?),
        key: row.try_get("key")?,
        value,
        provenance,
        superseded_by: row.try_get("superseded_by")?,
    })
}
