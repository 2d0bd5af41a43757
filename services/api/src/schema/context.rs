//! Schemas of contexts and their ledgers (protocol 1.5, 2.2).

use std::collections::HashMap;

use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde_json::Value;

use super::scalar::{Instant, JsonObject, Nullable};

/// How the author of an entry knows what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ContextSource {
    /// A human said so.
    HumanStated,
    /// An agent concluded it.
    AgentInferred,
    /// An agent saw it.
    AgentObserved,
    /// It was brought in from elsewhere.
    Imported,
}

/// The context of a task.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct VersionedContext {
    /// Its keys with their values: all of them, or those asked for.
    pub context: JsonObject,
    /// +1 for each write of the context; 0 before the first.
    pub version: i64,
    /// With `include=provenance`: where the values of keys have come from. A key whose entry was
    /// superseded is not in it.
    pub provenance: Option<HashMap<String, ContextProvenance>>,
    /// With `view=keys` or `view=summary`: a page of the keys.
    pub keys: Option<ContextKeys>,
    /// With `keys`: those that are not in the context.
    pub missing_keys: Option<Vec<String>>,
}

/// Where the value of a key has come from.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct ContextProvenance {
    /// Who wrote it; null for the project token.
    pub author_agent_id: Nullable<String>,
    /// Its name.
    pub author_name: Nullable<String>,
    /// How it knows.
    pub source: ContextSource,
    /// The version of the context that the write made.
    pub version: i64,
    /// When.
    pub created_at: Instant,
}

/// A key of a context.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct ContextKey {
    /// The key.
    pub key: String,
    /// Characters of its value as compact JSON.
    pub chars: i64,
}

/// A page of the keys of a context.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct ContextKeys {
    /// In the order of the keys.
    pub items: Vec<ContextKey>,
    /// All keys of the context.
    pub total: i64,
    /// The limit used.
    pub limit: i64,
    /// The offset used.
    pub offset: i64,
    /// True when keys follow this page.
    pub has_more: bool,
    /// Where the next page starts; null on the last one.
    pub next_offset: Nullable<i64>,
}

/// A write of a key.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct ContextEntry {
    /// Opaque id.
    pub id: String,
    /// Whose context.
    pub task_id: String,
    /// The key.
    pub key: String,
    /// The value of the key after the write.
    pub value: Any<Value>,
    /// The version of the context that the write made.
    pub version: i64,
    /// How the author knows.
    pub source: ContextSource,
    /// Who wrote it; null for the project token.
    pub author_agent_id: Nullable<String>,
    /// Its name.
    pub author_name: Nullable<String>,
    /// When.
    pub created_at: Instant,
    /// The entry that took its place; null where it was superseded without another.
    pub superseded_by: Nullable<String>,
    /// Since when it is not live any more.
    pub superseded_at: Nullable<Instant>,
}

/// A page of a ledger, newest first.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct ContextHistory {
    /// The entries.
    pub entries: Vec<ContextEntry>,
    /// What to send as `cursor` for those before; null on the last page.
    pub next_cursor: Nullable<String>,
}

/// An entry that is not to be trusted any more.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct ContextSuperseded {
    /// The entry.
    pub superseded: ContextEntry,
}

/// An entry that a recall found.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct RecallResult {
    /// Whose context.
    pub task_id: String,
    /// What the task asks for.
    pub task_content: String,
    /// The key.
    pub key: String,
    /// Its value.
    pub value: Any<Value>,
    /// How the author knows.
    pub source: ContextSource,
    /// How well it fits; from 1 on for what a human stated, below 1 for everything else.
    pub score: f64,
    /// The version of the context that the write made.
    pub version: i64,
    /// Who wrote it; null for the project token.
    pub author_agent_id: Nullable<String>,
    /// Its name.
    pub author_name: Nullable<String>,
    /// When.
    pub created_at: Instant,
    /// Since when it is not live any more.
    pub superseded_at: Nullable<Instant>,
}

/// What a recall found, best first.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct RecallResults {
    /// The words as sent.
    pub query: String,
    /// How many there are here.
    pub count: i64,
    /// The entries.
    pub results: Vec<RecallResult>,
}
