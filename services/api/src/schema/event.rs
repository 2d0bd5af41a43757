//! Schemas of the event feed: events as CloudEvents, pages of them, and the end of a wait.

use poem_openapi::Object;

use super::scalar::{Instant, JsonObject};
use super::task::Task;

/// An event as a CloudEvents 1.0 document. `openapi/asyncapi.yaml` has the `data` of each type.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct CloudEvent {
    /// Always 1.0.
    pub specversion: String,
    /// Id of the event, the same wherever it is delivered.
    pub id: String,
    /// `/accounts/` and the account.
    pub source: String,
    /// Its type, such as `task.completed`.
    pub r#type: String,
    /// What it is about: kind, `/` and id.
    pub subject: String,
    /// When it was recorded.
    pub time: Instant,
    /// Always application/json.
    pub datacontenttype: String,
    /// Its position in the log, in decimal digits.
    pub position: String,
    /// Its number among the account's events, in decimal digits.
    pub accountseq: String,
    /// Its number among the events of its task, webhook or account, in decimal digits.
    pub streamversion: String,
    /// Who caused it: `agent:` and an id, `project`, or `system:` and a name.
    pub actor: String,
    /// The request that caused it, as in `X-Request-Id`.
    pub correlationid: String,
    /// The event that led to it, where one did.
    pub causationid: Option<String>,
    /// True: no webhook hears of it.
    pub internal: bool,
    /// What happened (`event`), what it happened to as of then, and who acted (`agent`).
    pub data: JsonObject,
}

/// Events in order, and how to go on.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct EventPage {
    /// The events that match.
    pub items: Vec<CloudEvent>,
    /// What to send as `after` next; it also moves past events that do not match.
    pub next_after: i64,
    /// The position of the last event that there was. Equal to `next_after`: there is no more.
    pub head: i64,
}

/// What led to an event, or what it led to.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct EventTrace {
    /// The event that was asked about.
    pub event: CloudEvent,
    /// Causes: the nearest first. Effects: in the order of the log.
    pub items: Vec<TracedEvent>,
    /// True: there are more, further away.
    pub truncated: bool,
}

/// An event that led to another, or that one led to.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct TracedEvent {
    /// Steps from the event that was asked about, from 1.
    pub depth: i64,
    /// The event.
    pub event: CloudEvent,
}

/// How a wait for a task ended.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct TaskWaited {
    /// True: the status is one of those waited for.
    pub reached: bool,
    /// The task.
    pub task: Task,
}
