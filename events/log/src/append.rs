//! A command's request to the log and the log's answer, with the checks that need no database.

use std::collections::HashSet;

use jiff::Timestamp;
use uuid::Uuid;

use crate::content_hash::{HashedEvent, content_hash};
use crate::error::{AppendError, InvalidAppend};
use crate::event::{NewEvent, Position, StreamId};

/// Events that one command may append.
pub const COMMAND_EVENTS_MAX: usize = 1_000;
/// Streams that one command may name, written and guarded together: one for each event, and some
/// that these rest on.
pub const COMMAND_STREAMS_MAX: usize = COMMAND_EVENTS_MAX + 100;
/// Bytes of one event's payload.
pub const EVENT_PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of an account, stream kind, stream id, event type, actor, credential or key. Three of
/// them must fit one index row, which Postgres bounds at 2,704 bytes.
pub const NAME_BYTES_MAX: usize = 512;
/// Versions above it are impossible; below it there is room to count on from.
const VERSION_MAX: i64 = i64::MAX / 2;
/// Bytes of a key's sealed secret.
pub const SEALED_BYTES_MAX: usize = 64 * 1024;

/// Events for one stream, decided on the stream's state at `expected_version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamWrite {
    /// The stream to extend.
    pub stream: StreamId,
    /// The version it must be at; 0 when it must not exist.
    pub expected_version: i64,
    /// At least one event.
    pub events: Vec<NewEvent>,
}

/// A stream that the decision rests on and does not write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The stream.
    pub stream: StreamId,
    /// The version it must still be at; 0 when it must not exist.
    pub version: i64,
}

/// An idempotency key, stored with the command it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyClaim {
    /// Scope of the key: who sent it.
    pub credential: String,
    /// The key as sent.
    pub key: String,
    /// SHA-256 of the request: the same key with another hash is refused.
    pub request_hash: [u8; 32],
    /// The stream from which a replay renders its answer.
    pub subject: StreamId,
    /// The version at which a replay renders it.
    pub subject_version: i64,
    /// A one-time secret of the answer, sealed by the caller.
    pub sealed: Option<Vec<u8>>,
}

/// One command: committed whole or not at all.
///
/// `writes` may be empty: guards, head and key are checked, and the key is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The account; every stream named here belongs to it.
    pub account: String,
    /// Who acts.
    pub actor: String,
    /// Ties together all that one request caused.
    pub correlation_id: Uuid,
    /// The event that led to this command, where there was one; each of its own events may name
    /// another.
    pub causation_id: Option<Uuid>,
    /// What to record, in this order; each stream once.
    pub writes: Vec<StreamWrite>,
    /// What must not have moved.
    pub guards: Vec<Guard>,
    /// The account's `account_seq`, when nothing at all may have happened in it since.
    pub head: Option<i64>,
    /// The idempotency key.
    pub key: Option<KeyClaim>,
}

impl Append {
    /// The event that led to one of the command's own.
    pub(crate) fn cause_of(&self, event: &NewEvent) -> Option<Uuid> {
        event.causation_id.or(self.causation_id)
    }
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is durable.
    Committed(Receipt),
    /// The same request was committed before under this key; nothing was added.
    Replayed(Replay),
}

/// Where a committed command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Position of its first event; the head it was checked against when it had none.
    pub first_position: Position,
    /// Position of its last event; the head it was checked against when it had none.
    pub position: Position,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The account's number of its last event; the account's head when it had none.
    pub account_seq: i64,
}

/// What was stored with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// The stream to render the answer from.
    pub subject: StreamId,
    /// The version to render it at.
    pub subject_version: i64,
    /// Position of the first run's last event, or the head it was checked against.
    pub position: Position,
    /// When the first run was recorded.
    pub recorded_at: Timestamp,
    /// The sealed one-time secret of the answer.
    pub sealed: Option<Vec<u8>>,
}

/// A command that passed every check that needs no database, with its content hashes.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) append: Append,
    /// One hash per event, in the order of writes and events.
    pub(crate) hashes: Vec<[u8; 32]>,
    /// Size of what it sends to the database, near enough to bound a batch.
    pub(crate) bytes: usize,
}

impl Prepared {
    /// Checks the command and hashes its events, outside the append lock.
    pub(crate) fn new(append: Append) -> Result<Self, AppendError> {
        check(&append).map_err(|source| AppendError::Invalid { source })?;
        let events = append.writes.iter().flat_map(|write| {
            (write.expected_version + 1..).zip(&write.events).map(move |numbered| (write, numbered))
        });
        let hashes = events
            .map(|(write, (version, event))| {
                content_hash(&HashedEvent {
                    stream: &write.stream,
                    version,
                    event_id: event.event_id,
                    event_type: event.event_type,
                    schema_version: event.schema_version,
                    actor: &append.actor,
                    correlation_id: append.correlation_id,
                    causation_id: append.cause_of(event),
                    payload: &event.payload,
                })
            })
            .collect();
        let bytes = bytes(&append);
        Ok(Self { append, hashes, bytes })
    }
}

/// What an event costs beside its payload: ids, hash, names.
const EVENT_OVERHEAD_BYTES: usize = 300;

fn bytes(append: &Append) -> usize {
    let payloads = append.writes.iter().flat_map(|write| &write.events);
    let payloads: usize = payloads.map(|event| event.payload.len() + EVENT_OVERHEAD_BYTES).sum();
    let sealed = append.key.as_ref().and_then(|key| key.sealed.as_ref()).map_or(0, Vec::len);
    payloads + sealed + append.guards.len() * EVENT_OVERHEAD_BYTES
}

fn check(append: &Append) -> Result<(), InvalidAppend> {
    check_name(&append.account)?;
    check_name(&append.actor)?;
    if append.writes.len() + append.guards.len() > COMMAND_STREAMS_MAX {
        return Err(InvalidAppend::TooManyStreams { max: COMMAND_STREAMS_MAX });
    }
    let events: usize = append.writes.iter().map(|write| write.events.len()).sum();
    if events > COMMAND_EVENTS_MAX {
        return Err(InvalidAppend::TooManyEvents { max: COMMAND_EVENTS_MAX });
    }
    let mut written = HashSet::with_capacity(append.writes.len());
    for write in &append.writes {
        check_stream(&append.account, &write.stream, write.expected_version)?;
        if write.events.is_empty() {
            return Err(InvalidAppend::NoEvents { stream: write.stream.clone() });
        }
        if !written.insert(&write.stream) {
            return Err(InvalidAppend::StreamTwice { stream: write.stream.clone() });
        }
        write.events.iter().try_for_each(check_event)?;
    }
    for guard in &append.guards {
        check_stream(&append.account, &guard.stream, guard.version)?;
    }
    if append.head.is_some_and(|head| !(0..=VERSION_MAX).contains(&head)) {
        return Err(InvalidAppend::ImpossibleVersion);
    }
    append.key.as_ref().map_or(Ok(()), |key| check_key(&append.account, key))
}

fn check_key(account: &str, key: &KeyClaim) -> Result<(), InvalidAppend> {
    check_stream(account, &key.subject, key.subject_version)?;
    check_name(&key.credential)?;
    check_name(&key.key)?;
    if key.sealed.as_ref().is_some_and(|sealed| sealed.len() > SEALED_BYTES_MAX) {
        return Err(InvalidAppend::SealedTooLarge { bytes_max: SEALED_BYTES_MAX });
    }
    Ok(())
}

fn check_stream(account: &str, stream: &StreamId, version: i64) -> Result<(), InvalidAppend> {
    if stream.account != account {
        return Err(InvalidAppend::ForeignStream { stream: stream.clone() });
    }
    if !(0..=VERSION_MAX).contains(&version) {
        return Err(InvalidAppend::ImpossibleVersion);
    }
    check_name(&stream.kind)?;
    check_name(&stream.id)
}

fn check_event(event: &NewEvent) -> Result<(), InvalidAppend> {
    check_name(event.event_type)?;
    if event.payload.len() > EVENT_PAYLOAD_BYTES_MAX {
        return Err(InvalidAppend::PayloadTooLarge { bytes_max: EVENT_PAYLOAD_BYTES_MAX });
    }
    if event.payload.contains('\0') || escapes_nul(&event.payload) {
        return Err(InvalidAppend::NulCharacter);
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), InvalidAppend> {
    if name.len() > NAME_BYTES_MAX {
        return Err(InvalidAppend::NameTooLong { bytes_max: NAME_BYTES_MAX });
    }
    if name.contains('\0') {
        return Err(InvalidAppend::NulCharacter);
    }
    Ok(())
}

/// Whether JSON text holds U+0000 as an escape. Postgres stores it in `json` and then fails in
/// every follower that reads the string: it must never enter.
fn escapes_nul(json: &str) -> bool {
    json.match_indices("\\u0000").any(|(at, _)| {
        let slashes_before = json[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        slashes_before.is_multiple_of(2)
    })
}
