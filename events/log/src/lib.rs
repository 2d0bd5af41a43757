//! The event table and its only writer: appends, reads and the wake-up of followers.
//!
//! How an append works, and why, is `docs/adr/0001-append-protocol.md`. This crate moves
//! (stream, version, type, JSON text); it must not know a concrete event, decide anything,
//! or ever change a row that it has written.

mod append;
mod appender;
mod batch;
mod causality;
mod content_hash;
mod count;
mod error;
mod event;
mod leaves;
mod log;
mod migrations;
mod of_account;
mod of_kind;
mod outcome;
mod page;
mod parameters;
mod probe;
mod read;
mod recent;
mod session;
mod settle;

pub use append::{
    Append, Appended, COMMAND_EVENTS_MAX, COMMAND_STREAMS_MAX, EVENT_PAYLOAD_BYTES_MAX, Guard,
    KeyClaim, NAME_BYTES_MAX, Receipt, Replay, SEALED_BYTES_MAX, StreamWrite,
};
pub use causality::{Link, Trace, TraceBounds, Traced, causes, effects, link};
pub use content_hash::{HashedEvent, content_hash};
pub use error::{AppendError, InvalidAppend, LogError, ReadError, Trouble};
pub use event::{NewEvent, Position, RecordedEvent, StreamId};
pub use leaves::{Placed, leaf_of, leaves};
pub use log::{Log, LogSettings};
pub use migrations::{MigrateError, migrate};
pub use of_account::Place;
pub use of_kind::Wanted;
pub use page::{EXAMINED_EVENTS_MAX, EventFilter, PAGE_BYTES_MAX, Page, Scope};
pub use probe::{Probe, Queue, probe};
pub use read::{Cut, PAGE_EVENTS_MAX};
