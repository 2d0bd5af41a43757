//! What the log stores: streams, events to be recorded, events as recorded. No SQL here.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

/// Place of an event in the whole log: from 1, without gaps, in commit order.
pub type Position = i64;

/// Names one stream: one aggregate of one account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId {
    /// The account that owns the stream.
    pub account: String,
    /// What the stream is about: `account`, `task`, `webhook`.
    pub kind: String,
    /// Which one of its kind.
    pub id: String,
}

impl fmt::Display for StreamId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}", self.account, self.kind, self.id)
    }
}

/// An event that a command wants to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The event's own id (UUIDv7), unique in the whole log.
    pub event_id: Uuid,
    /// Its public name, such as `task.completed`.
    pub event_type: &'static str,
    /// Version of the payload's shape.
    pub schema_version: i16,
    /// JSON text, stored and hashed byte for byte.
    pub payload: String,
    /// The event that led to this one, where that is not the one that led to its command.
    pub causation_id: Option<Uuid>,
}

/// An event as the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Place in the whole log.
    pub position: Position,
    /// Place among the account's own events: from 1, without gaps.
    pub account_seq: i64,
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Place in its stream: from 1, without gaps.
    pub version: i64,
    /// The event's own id.
    pub event_id: Uuid,
    /// Its public name.
    pub event_type: String,
    /// Version of the payload's shape.
    pub schema_version: i16,
    /// JSON text, byte for byte as it was appended.
    pub payload: String,
    /// Who caused it: `agent:<uuid>`, `project` or `system:<name>`.
    pub actor: String,
    /// Ties together all that one request caused.
    pub correlation_id: Uuid,
    /// The event that led to this one, where there was one.
    pub causation_id: Option<Uuid>,
    /// When it was recorded: whole milliseconds, never falling with position.
    pub recorded_at: Timestamp,
    /// SHA-256 over everything the writer chose (see [`crate::content_hash`]).
    pub content_hash: [u8; 32],
}
