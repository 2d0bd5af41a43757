//! A delivery that is due, in memory, and the pages in which deliveries are read.

use baton_domain::WebhookId;
use baton_domain::webhook::Ordering;
use baton_log::Position;
use deadpool_postgres::Pool;
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::endpoint::Endpoint;
use crate::error::StoreError;
use crate::probe;
use crate::send::Letter;

const READ_FIRST: &str = include_str!("sql/read_first.sql");
const READ_RETRIES: &str = include_str!("sql/read_retries.sql");
/// First attempts that one read returns at most.
const PAGE_DELIVERIES_MAX: usize = 256;
/// Bytes of bodies after which a page of first attempts ends.
const PAGE_BYTES_MAX: i64 = 4 * 1024 * 1024;

/// One event for one endpoint, not delivered yet.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) letter: Letter,
    /// The event's place in the log.
    pub(crate) position: Position,
    /// Deliveries of one lane go out in order.
    pub(crate) lane: String,
    /// Attempts made so far.
    pub(crate) attempts: i32,
    /// Those of them made before it was last asked for again.
    pub(crate) attempts_before: i32,
    /// Where in the log it was last asked for again; 0 where nobody did.
    pub(crate) requested_position: Position,
}

/// First attempts in order.
pub(crate) struct Page {
    pub(crate) deliveries: Vec<Delivery>,
    /// There was no more when it was read.
    pub(crate) is_last: bool,
}

/// Retries that are due, and when the next one is.
pub(crate) struct Retries {
    pub(crate) due: Vec<Delivery>,
    pub(crate) next_at: Option<Timestamp>,
}

/// The id of the delivery of an event to a webhook: planned again, it is the same.
pub(crate) fn delivery_id(webhook: WebhookId, event: Uuid) -> Uuid {
    Uuid::new_v5(&webhook.0, event.as_bytes())
}

/// The lane in which an endpoint of this ordering gets the events of one stream.
pub(crate) fn lane(ordering: Ordering, stream: String) -> String {
    match ordering {
        Ordering::PerTask => stream,
        // One lane for all: one at a time, in log order.
        Ordering::Strict => String::new(),
    }
}

/// The endpoint's first attempts above one position and up to another, in order.
pub(crate) async fn read_first(
    pool: &Pool,
    endpoint: &Endpoint,
    (after, up_to): (Position, Position),
) -> Result<Page, StoreError> {
    let mut client = pool.get().await.map_err(StoreError::Pool)?;
    let after = after.max(endpoint.dropped_through);
    let limit = i64::try_from(PAGE_DELIVERIES_MAX).expect("a small number");
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&endpoint.id.0, &after, &up_to, &limit, &PAGE_BYTES_MAX];
    let rows = probe::query(&mut client, READ_FIRST, &parameters).await?;
    let deliveries = rows.iter().map(|row| one(row, endpoint)).collect::<Result<Vec<_>, _>>()?;
    let bytes: usize = deliveries.iter().map(|delivery| delivery.letter.body.len()).sum();
    let is_full = deliveries.len() == PAGE_DELIVERIES_MAX
        || i64::try_from(bytes).is_ok_and(|bytes| bytes >= PAGE_BYTES_MAX);
    Ok(Page { deliveries, is_last: !is_full })
}

/// The endpoint's retries that are due at `now`, without those under way.
pub(crate) async fn read_retries(
    pool: &Pool,
    endpoint: &Endpoint,
    under_way: &[Uuid],
    now: Timestamp,
    limit: usize,
) -> Result<Retries, StoreError> {
    let mut client = pool.get().await.map_err(StoreError::Pool)?;
    let rows_max = i64::try_from(limit).expect("a small number");
    let parameters: [&(dyn ToSql + Sync); 4] =
        [&endpoint.id.0, &endpoint.dropped_through, &under_way, &rows_max];
    let rows = probe::query(&mut client, READ_RETRIES, &parameters).await?;
    let mut retries = Retries { due: Vec::new(), next_at: None };
    for row in &rows {
        let next_at: Timestamp = row.try_get("next_attempt_at")?;
        if next_at > now {
            retries.next_at = Some(next_at);
            break;
        }
        retries.due.push(one(row, endpoint)?);
    }
    if retries.due.len() == limit {
        retries.next_at = Some(now);
    }
    Ok(retries)
}

fn one(row: &Row, endpoint: &Endpoint) -> Result<Delivery, StoreError> {
    let body: String = row.try_get("body")?;
    Ok(Delivery {
        letter: Letter {
            id: row.try_get("delivery_id")?,
            event_type: row.try_get("event_type")?,
            body: body.into(),
        },
        position: row.try_get("position")?,
        lane: lane(endpoint.ordering, row.try_get("lane")?),
        attempts: row.try_get("attempt")?,
        attempts_before: row.try_get("attempts_before")?,
        requested_position: row.try_get("requested_position")?,
    })
}

impl Delivery {
    /// It goes, or went, in its lane: neither tried nor asked for again before.
    pub(crate) fn is_first(&self) -> bool {
        self.attempts == 0 && self.requested_position == 0
    }

    /// One that was just planned.
    pub(crate) fn new(letter: Letter, position: Position, lane: String) -> Self {
        let (attempts, attempts_before, requested_position) = (0, 0, 0);
        Self { letter, position, lane, attempts, attempts_before, requested_position }
    }
}

#[cfg(test)]
impl Delivery {
    pub(crate) fn for_tests(lane: &str, position: Position) -> Self {
        let letter =
            Letter { id: Uuid::from_u128(1), event_type: "task.updated".into(), body: "{}".into() };
        Self::new(letter, position, lane.to_owned())
    }
}
