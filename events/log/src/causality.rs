//! What led to an event, and what it led to: followed from event to event by `causation_id`.
//!
//! An event is led to by one event at most, of its own account and before it; it may lead to any
//! number. So causes are a line, effects a tree; both are bounded, and say where they were cut.
//! Must not know what an event means, nor who may see it.

use deadpool_postgres::Pool;
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::ReadError;
use crate::event::{Position, RecordedEvent, StreamId};
use crate::log::Log;
use crate::read::{prepared, recorded};

const READ_LINK: &str = include_str!("sql/read_link.sql");
const READ_EFFECTS: &str = include_str!("sql/read_effects.sql");
const READ_EVENTS: &str = include_str!("sql/read_events.sql");

/// An event as a link between others: all that is told of it but its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Place in the whole log.
    pub position: Position,
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Place in its stream.
    pub version: i64,
    /// Its id.
    pub event_id: Uuid,
    /// Its public name.
    pub event_type: String,
    /// Who caused it.
    pub actor: String,
    /// Ties together all that one request caused.
    pub correlation_id: Uuid,
    /// The event that led to it, where there was one.
    pub causation_id: Option<Uuid>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// How far a trace goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceBounds {
    /// Steps from the event it begins at.
    pub depth_max: usize,
    /// Events, without the one it begins at.
    pub events_max: usize,
}

/// An event of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// Steps from the event that the trace begins at, from 1.
    pub depth: usize,
    /// The event.
    pub link: Link,
}

/// What led to an event, or what it led to; the event itself is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Causes: the nearest first. Effects: in the order of the log, so that each comes after what
    /// led to it.
    pub events: Vec<Traced>,
    /// There are more, beyond the bounds.
    pub is_cut: bool,
}

impl Log {
    /// An event of the account; none where it has no such event.
    pub async fn link(&self, account: &str, id: Uuid) -> Result<Option<Link>, ReadError> {
        link(self.pool(), Some(account), id).await
    }

    /// See [`causes`].
    pub async fn causes(&self, of: &Link, bounds: TraceBounds) -> Result<Trace, ReadError> {
        causes(self.pool(), of, bounds).await
    }

    /// See [`effects`].
    pub async fn effects(&self, of: &Link, bounds: TraceBounds) -> Result<Trace, ReadError> {
        effects(self.pool(), of, bounds).await
    }

    /// These events of the account, in the order of the log; those it has not are left out. As
    /// many as the caller can hold: each may have a payload of a mebibyte.
    pub async fn events(
        &self,
        account: &str,
        ids: &[Uuid],
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let (client, statement) = prepared(self.pool(), READ_EVENTS).await?;
        let rows = client.query(&statement, &[&account, &ids]).await;
        let rows = rows.map_err(ReadError::Query)?;
        rows.iter().map(recorded).collect::<Result<_, _>>().map_err(ReadError::Query)
    }
}

/// An event by its id: of the account, or of any, for an operator who names none.
pub async fn link(pool: &Pool, account: Option<&str>, id: Uuid) -> Result<Option<Link>, ReadError> {
    let (client, statement) = prepared(pool, READ_LINK).await?;
    let row = client.query_opt(&statement, &[&account, &id]).await.map_err(ReadError::Query)?;
    row.as_ref().map(linked).transpose().map_err(ReadError::Query)
}

/// What led to an event: the event named as its cause, what led to that, and so on.
pub async fn causes(pool: &Pool, of: &Link, bounds: TraceBounds) -> Result<Trace, ReadError> {
    let steps_max = bounds.depth_max.min(bounds.events_max);
    let mut trace = Trace::default();
    let mut last = of.clone();
    while let Some(id) = last.causation_id {
        let account = &last.stream.account;
        let Some(link) = link(pool, Some(account), id).await? else { break };
        // Nothing leads to what was before it: whatever says so leads nowhere.
        if link.position >= last.position {
            break;
        }
        if trace.events.len() >= steps_max {
            trace.is_cut = true;
            break;
        }
        let depth = trace.events.len() + 1;
        trace.events.push(Traced { depth, link: link.clone() });
        last = link;
    }
    Ok(trace)
}

/// What an event led to, what that led to, and so on: step by step, so that what is nearest is
/// there where not everything is.
pub async fn effects(pool: &Pool, of: &Link, bounds: TraceBounds) -> Result<Trace, ReadError> {
    let account = &of.stream.account;
    let mut trace = Trace::default();
    let (mut causes, mut positions) = (vec![of.event_id], vec![of.position]);
    for depth in 1.. {
        let room = bounds.events_max - trace.events.len();
        let mut found = effects_of(pool, account, (&causes, &positions), room + 1).await?;
        if found.is_empty() {
            break;
        }
        if depth > bounds.depth_max || room == 0 {
            trace.is_cut = true;
            break;
        }
        trace.is_cut |= found.len() > room;
        found.truncate(room);
        (causes, positions) = found.iter().map(|link| (link.event_id, link.position)).unzip();
        trace.events.extend(found.into_iter().map(|link| Traced { depth, link }));
    }
    trace.events.sort_by_key(|traced| traced.link.position);
    Ok(trace)
}

async fn effects_of(
    pool: &Pool,
    account: &str,
    (causes, positions): (&[Uuid], &[Position]),
    limit: usize,
) -> Result<Vec<Link>, ReadError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let (client, statement) = prepared(pool, READ_EFFECTS).await?;
    let rows = client.query(&statement, &[&account, &causes, &positions, &limit]).await;
    let rows = rows.map_err(ReadError::Query)?;
    rows.iter().map(linked).collect::<Result<_, _>>().map_err(ReadError::Query)
}

fn linked(row: &Row) -> Result<Link, tokio_postgres::Error> {
    Ok(Link {
        position: row.try_get("position")?,
        stream: StreamId {
            account: row.try_get("account_id")?,
            kind: row.try_get("stream_kind")?,
            id: row.try_get("stream_id")?,
        },
        version: row.try_get("version")?,
        event_id: row.try_get("event_id")?,
        event_type: row.try_get("event_type")?,
        actor: row.try_get("actor")?,
        correlation_id: row.try_get("correlation_id")?,
        causation_id: row.try_get("causation_id")?,
        recorded_at: row.try_get("recorded_at")?,
    })
}
