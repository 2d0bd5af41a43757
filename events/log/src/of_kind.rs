//! Reads of the log by those who fold all streams of one kind, from the beginning.
//!
//! Events of other kinds are passed over where they lie; nothing here knows what a kind means.

use tokio_postgres::types::ToSql;

use crate::error::ReadError;
use crate::event::{Position, RecordedEvent};
use crate::log::Log;
use crate::read::{PAGE_EVENTS_MAX, prepared, recorded};

const READ_OF_KIND: &str = include_str!("sql/read_of_kind.sql");

/// Positions that one statement passes over at most.
const EXAMINED_POSITIONS_MAX: i64 = 100_000;

/// Events that somebody has use for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Of this type.
    pub event_type: &'static str,
    /// With this text somewhere in their payload, as it is written there.
    pub says: Option<&'static str>,
}

impl Wanted {
    /// The event is one of these.
    #[must_use]
    pub fn is(&self, event: &RecordedEvent) -> bool {
        self.event_type == event.event_type
            && self.says.is_none_or(|text| event.payload.contains(text))
    }
}

impl Log {
    /// The next events of streams of a kind above `position`, none beyond `up_to`, in order; and
    /// the position up to which there are no others. Only those that are one of the wanted, where
    /// any are named. At most [`PAGE_EVENTS_MAX`].
    pub async fn of_kind_after(
        &self,
        kind: &str,
        wanted: Option<&[Wanted]>,
        position: Position,
        up_to: Position,
    ) -> Result<(Vec<RecordedEvent>, Position), ReadError> {
        let to = up_to.min(position + EXAMINED_POSITIONS_MAX);
        let (client, statement) = prepared(self.pool(), READ_OF_KIND).await?;
        let types: Option<Vec<&str>> =
            wanted.map(|wanted| wanted.iter().map(|it| it.event_type).collect());
        let texts: Option<Vec<Option<&str>>> =
            wanted.map(|wanted| wanted.iter().map(|it| it.says).collect());
        let parameters: [&(dyn ToSql + Sync); 6] =
            [&kind, &position, &to, &PAGE_EVENTS_MAX, &types, &texts];
        let rows = client.query(&statement, &parameters).await;
        let rows = rows.map_err(ReadError::Query)?;
        let events: Result<Vec<RecordedEvent>, _> = rows.iter().map(recorded).collect();
        let events = events.map_err(ReadError::Query)?;
        let is_full = i64::try_from(events.len()).is_ok_and(|events| events >= PAGE_EVENTS_MAX);
        let reached = events.last().filter(|_| is_full).map_or(to, |event| event.position);
        Ok((events, reached))
    }
}
