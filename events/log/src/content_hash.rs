//! The content hash: one event's fingerprint, as `docs/adr/0001-append-protocol.md` defines it.
//! Auditors re-implement it in other languages: it must never change.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::event::{RecordedEvent, StreamId};

/// First field of the encoding: no hash of something else can be taken for an event's.
const DOMAIN_TAG: &[u8] = b"baton.event.v1";
/// Length that marks an absent field; a real field is far shorter.
const ABSENT: u32 = u32::MAX;

/// Everything that an event's writer chose. Position and time come later and are not in it.
#[derive(Clone, Copy, Debug)]
pub struct HashedEvent<'a> {
    /// Account, kind and id.
    pub stream: &'a StreamId,
    /// Place in its stream.
    pub version: i64,
    /// The event's own id.
    pub event_id: Uuid,
    /// Its public name.
    pub event_type: &'a str,
    /// Version of the payload's shape.
    pub schema_version: i16,
    /// Who caused it.
    pub actor: &'a str,
    /// Ties together all that one request caused.
    pub correlation_id: Uuid,
    /// The event that led to this one, where there was one.
    pub causation_id: Option<Uuid>,
    /// JSON text, byte for byte.
    pub payload: &'a str,
}

impl<'a> From<&'a RecordedEvent> for HashedEvent<'a> {
    fn from(event: &'a RecordedEvent) -> Self {
        Self {
            stream: &event.stream,
            version: event.version,
            event_id: event.event_id,
            event_type: &event.event_type,
            schema_version: event.schema_version,
            actor: &event.actor,
            correlation_id: event.correlation_id,
            causation_id: event.causation_id,
            payload: &event.payload,
        }
    }
}

/// SHA-256 over the event's fields, each preceded by its length.
pub fn content_hash(event: &HashedEvent<'_>) -> [u8; 32] {
    let mut hash = Sha256::new();
    field(&mut hash, DOMAIN_TAG);
    field(&mut hash, event.stream.account.as_bytes());
    field(&mut hash, event.stream.kind.as_bytes());
    field(&mut hash, event.stream.id.as_bytes());
    field(&mut hash, &event.version.to_be_bytes());
    field(&mut hash, event.event_id.as_bytes());
    field(&mut hash, event.event_type.as_bytes());
    field(&mut hash, &event.schema_version.to_be_bytes());
    field(&mut hash, event.actor.as_bytes());
    field(&mut hash, event.correlation_id.as_bytes());
    match &event.causation_id {
        Some(id) => field(&mut hash, id.as_bytes()),
        None => hash.update(ABSENT.to_be_bytes()),
    }
    field(&mut hash, event.payload.as_bytes());
    hash.finalize().into()
}

fn field(hash: &mut Sha256, bytes: &[u8]) {
    let length =
        u32::try_from(bytes.len()).expect("payloads and names are bounded far below 4 GiB");
    hash.update(length.to_be_bytes());
    hash.update(bytes);
}
