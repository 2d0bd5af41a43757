//! Pages of one account's or one stream's events, found by position and filtered where they lie.
//!
//! A page costs what it examines, not what lies before it or beside it in the log: no scan, and
//! no index of its own. It must not know what an event means.

use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, RowStream};
use uuid::Uuid;

use crate::error::ReadError;
use crate::event::{Position, RecordedEvent, StreamId};
use crate::log::Log;
use crate::read::{PAGE_EVENTS_MAX, prepared, recorded};

/// Events that one page examines at most, however few of them match.
pub const EXAMINED_EVENTS_MAX: i64 = 5_000;

/// A page whose events' payloads take so many bytes gets no further one.
pub const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

const READ_ACCOUNT_PAGE: &str = include_str!("sql/read_account_page.sql");
const READ_STREAM_PAGE: &str = include_str!("sql/read_stream_page.sql");

/// Whose events.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All of an account.
    Account(String),
    /// Those of one stream.
    Stream(StreamId),
}

/// Which of them; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of one of these types; with `families` empty as well, of any.
    pub types: Vec<String>,
    /// Or of a type that begins with one of these words and a dot.
    pub families: Vec<String>,
    /// Caused by this actor.
    pub actor: Option<String>,
    /// Of this correlation.
    pub correlation_id: Option<Uuid>,
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The matching events, in order.
    pub events: Vec<RecordedEvent>,
    /// Everything up to here was examined: the next page begins above it.
    pub to: Position,
    /// The position of the scope's last event; 0 while it has none.
    pub head: Position,
}

impl Scope {
    /// The event is one of them.
    #[must_use]
    pub fn has(&self, event: &RecordedEvent) -> bool {
        match self {
            Self::Account(account) => event.stream.account == *account,
            Self::Stream(stream) => event.stream == *stream,
        }
    }
}

impl EventFilter {
    /// The event passes.
    #[must_use]
    pub fn passes(&self, event: &RecordedEvent) -> bool {
        let family = event.event_type.split('.').next().unwrap_or_default();
        let is_of_type = self.types.is_empty() && self.families.is_empty()
            || self.types.contains(&event.event_type)
            || self.families.iter().any(|word| word == family);
        is_of_type
            && self.actor.as_ref().is_none_or(|actor| *actor == event.actor)
            && self.correlation_id.is_none_or(|id| id == event.correlation_id)
    }
}

impl Log {
    /// The scope's events above a position that pass the filter, in order: at most `limit`, of at
    /// most [`EXAMINED_EVENTS_MAX`], and no more once they take [`PAGE_BYTES_MAX`].
    pub async fn page(
        &self,
        scope: &Scope,
        after: Position,
        filter: &EventFilter,
        limit: i64,
    ) -> Result<Page, ReadError> {
        let limit = limit.clamp(0, PAGE_EVENTS_MAX);
        let types = (!filter.types.is_empty()).then_some(&filter.types);
        let families = (!filter.families.is_empty()).then_some(&filter.families);
        let (sql, mut parameters): (_, Vec<&(dyn ToSql + Sync)>) = match scope {
            Scope::Account(account) => (READ_ACCOUNT_PAGE, vec![account]),
            Scope::Stream(StreamId { account, kind, id }) => {
                (READ_STREAM_PAGE, vec![account, kind, id])
            }
        };
        parameters.extend([
            &after as &(dyn ToSql + Sync),
            &EXAMINED_EVENTS_MAX,
            &limit,
            &types,
            &families,
            &filter.actor,
            &filter.correlation_id,
        ]);
        let (client, statement) = prepared(self.pool(), sql).await?;
        let rows = client.query_raw(&statement, parameters).await.map_err(ReadError::Query)?;
        page(rows, after, limit).await.map_err(ReadError::Query)
    }
}

/// Takes one row after another, so that no more of them are in memory than belong to the page.
async fn page(rows: RowStream, after: Position, limit: i64) -> Result<Page, tokio_postgres::Error> {
    let mut rows = pin!(rows);
    let mut page = Page { events: Vec::new(), to: after, head: 0 };
    let (mut examined_to, mut bytes) = (None, 0);
    while bytes < PAGE_BYTES_MAX
        && let Some(row) = rows.try_next().await?
    {
        page.head = row.try_get("head")?;
        examined_to = row.try_get::<_, Option<Position>>("examined_to")?;
        if let Some(event) = event(&row)? {
            bytes += event.payload.len();
            page.events.push(event);
        }
    }
    let is_full = bytes >= PAGE_BYTES_MAX
        || i64::try_from(page.events.len()).is_ok_and(|events| events >= limit);
    page.to = match page.events.last() {
        Some(last) if is_full => last.position,
        None if is_full => after,
        _ => examined_to.unwrap_or(after),
    };
    Ok(page)
}

/// The event of a row that has one.
fn event(row: &Row) -> Result<Option<RecordedEvent>, tokio_postgres::Error> {
    let position: Option<Position> = row.try_get("position")?;
    position.map(|_| recorded(row)).transpose()
}
