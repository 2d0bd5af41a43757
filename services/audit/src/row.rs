//! A row of the log, as it is, and what is computed of it anew: nothing of what is stored beside
//! the columns is believed.

use std::hash::{BuildHasher as _, RandomState};

use baton_ledger::{Hash, Leaf};
use baton_log::{RecordedEvent, StreamId, content_hash};
use jiff::Timestamp;
use tokio_postgres::{
    Row,
    types::{FromSql, Type},
};
use uuid::Uuid;

type Cause = Box<dyn std::error::Error + Sync + Send>;

/// The text of a json column, byte for byte.
struct Verbatim<'a>(&'a str);

impl<'a> FromSql<'a> for Verbatim<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Cause> {
        Ok(Self(std::str::from_utf8(raw)?))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSON
    }
}

/// An event of the log, which somebody may have changed.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) position: i64,
    pub(crate) account_seq: i64,
    pub(crate) stream: StreamId,
    /// Stands for the stream in a set of very many.
    pub(crate) stream_mark: u128,
    pub(crate) version: i64,
    pub(crate) event_id: Uuid,
    pub(crate) recorded_at: Timestamp,
    /// Of its columns, whatever hash is stored beside them.
    pub(crate) leaf: Hash,
    /// The stored hash is not that of the columns.
    pub(crate) is_altered: bool,
}

/// How streams are marked: nobody can choose two with one mark.
#[derive(Clone, Default)]
pub(crate) struct Marks([RandomState; 2]);

impl Marks {
    fn of(&self, stream: &StreamId) -> u128 {
        let [high, low] = self.0.each_ref().map(|state| state.hash_one(stream));
        u128::from(high) << 64 | u128::from(low)
    }
}

/// The event of a row.
pub(crate) fn event(row: &Row) -> Result<RecordedEvent, String> {
    read(row).map_err(|cause| match std::error::Error::source(&cause) {
        Some(source) => format!("{cause}: {source}"),
        None => cause.to_string(),
    })?
}

fn read(row: &Row) -> Result<Result<RecordedEvent, String>, tokio_postgres::Error> {
    let stored: &[u8] = row.try_get(14)?;
    let Ok(content_hash) = stored.try_into() else {
        return Ok(Err(format!("its content hash has {} bytes", stored.len())));
    };
    let stream = StreamId { account: row.try_get(2)?, kind: row.try_get(3)?, id: row.try_get(4)? };
    Ok(Ok(RecordedEvent {
        position: row.try_get(0)?,
        account_seq: row.try_get(1)?,
        stream,
        version: row.try_get(5)?,
        event_id: row.try_get(6)?,
        event_type: row.try_get(7)?,
        schema_version: row.try_get(8)?,
        payload: row.try_get::<_, Verbatim<'_>>(9)?.0.to_owned(),
        actor: row.try_get(10)?,
        correlation_id: row.try_get(11)?,
        causation_id: row.try_get(12)?,
        recorded_at: row.try_get(13)?,
        content_hash,
    }))
}

/// Computes anew what the event's columns make.
pub(crate) fn check(event: RecordedEvent, marks: &Marks) -> Checked {
    let computed = content_hash(&(&event).into());
    let leaf = leaf(&event, computed);
    Checked {
        position: event.position,
        account_seq: event.account_seq,
        stream_mark: marks.of(&event.stream),
        stream: event.stream,
        version: event.version,
        event_id: event.event_id,
        recorded_at: event.recorded_at,
        leaf,
        is_altered: computed != event.content_hash,
    }
}

/// The leaf of an event with this content hash.
pub(crate) fn leaf(event: &RecordedEvent, content_hash: Hash) -> Hash {
    let RecordedEvent { position, account_seq, recorded_at, .. } = *event;
    Leaf { position, account_seq, recorded_at, content_hash }.hash()
}
