//! Settling an unknown outcome: first the old backend must be gone, then the event ids are looked
//! up. What is found was committed; what is not found never will be, and may be sent again.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::{Config, Row};
use uuid::Uuid;

use crate::append::Receipt;
use crate::batch::Waiting;
use crate::error::Trouble;
use crate::log::LogSettings;
use crate::session::{Backend, Session};

const END_BACKEND: &str = include_str!("sql/end_backend.sql");
const BACKEND_LIVES: &str = include_str!("sql/backend_lives.sql");
const FIND_EVENTS: &str = include_str!("sql/find_events.sql");

/// First wait between two tries to connect; doubled up to the maximum.
const RECONNECT_WAIT_MIN: Duration = Duration::from_millis(20);
const RECONNECT_WAIT_MAX: Duration = Duration::from_millis(500);
/// Wait between two looks at a backend that was told to end.
const BACKEND_WAIT: Duration = Duration::from_millis(10);

/// A session to go on with, and one element per command: where it stands, if it was committed
/// with events.
pub(crate) struct Settled {
    pub(crate) session: Session,
    pub(crate) receipts: Vec<Option<Receipt>>,
}

/// Finds out what became of a batch that was sent to `lost`.
pub(crate) async fn settle(
    config: &Config,
    settings: &LogSettings,
    lost: Backend,
    batch: &[Waiting],
) -> Result<Settled, Trouble> {
    let deadline = Instant::now() + settings.settle_within;
    loop {
        let session = reconnect(config, settings, deadline).await?;
        let found = tokio::time::timeout_at(deadline, find(&session, lost, batch));
        match found.await.unwrap_or(Err(Trouble::BackendLingers)) {
            Ok(receipts) => return Ok(Settled { session, receipts }),
            Err(trouble) if Instant::now() >= deadline => return Err(trouble),
            // This connection broke as well.
            Err(trouble) => tracing::warn!(error = &trouble as &dyn Error, "cannot settle yet"),
        }
    }
}

/// Connects, trying again with growing waits until the deadline; at least once.
pub(crate) async fn reconnect(
    config: &Config,
    settings: &LogSettings,
    deadline: Instant,
) -> Result<Session, Trouble> {
    let mut wait = RECONNECT_WAIT_MIN;
    loop {
        match Session::connect(config, settings).await {
            Ok(session) => return Ok(session),
            Err(trouble) if Instant::now() + wait >= deadline => return Err(trouble),
            Err(_) => tokio::time::sleep(wait).await,
        }
        wait = (wait * 2).min(RECONNECT_WAIT_MAX);
    }
}

async fn find(
    session: &Session,
    lost: Backend,
    batch: &[Waiting],
) -> Result<Vec<Option<Receipt>>, Trouble> {
    end(session, lost).await?;
    let ids: Vec<Uuid> = batch.iter().flat_map(first_and_last).flatten().collect();
    let rows = session.client.query(FIND_EVENTS, &[&ids]).await.map_err(Trouble::Statement)?;
    receipts(&rows, batch).map_err(Trouble::Statement)
}

/// Ends the backend and waits until it is gone: until then it may still commit.
async fn end(session: &Session, lost: Backend) -> Result<(), Trouble> {
    let client = &session.client;
    let (ended, lives) =
        tokio::try_join!(client.prepare(END_BACKEND), client.prepare(BACKEND_LIVES))
            .map_err(Trouble::Statement)?;
    client.query(&ended, &[&lost.pid, &lost.started]).await.map_err(Trouble::Statement)?;
    loop {
        let row = client.query_one(&lives, &[&lost.pid, &lost.started]).await;
        let lives: bool = row.and_then(|row| row.try_get("lives")).map_err(Trouble::Statement)?;
        if !lives {
            return Ok(());
        }
        tokio::time::sleep(BACKEND_WAIT).await;
    }
}

/// The ids of a command's first and last event.
fn first_and_last(waiting: &Waiting) -> [Option<Uuid>; 2] {
    let writes = &waiting.command.append.writes;
    let first = writes.first().and_then(|write| write.events.first());
    let last = writes.last().and_then(|write| write.events.last());
    [first.map(|event| event.event_id), last.map(|event| event.event_id)]
}

fn receipts(
    rows: &[Row],
    batch: &[Waiting],
) -> Result<Vec<Option<Receipt>>, tokio_postgres::Error> {
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let id: Uuid = row.try_get("event_id")?;
        found.insert(id, row);
    }
    let receipt = |waiting: &Waiting| {
        let [first, last] = first_and_last(waiting).map(|id| found.get(&id?));
        let (Some(first), Some(last)) = (first, last) else {
            return Ok(None);
        };
        Ok(Some(Receipt {
            first_position: first.try_get("position")?,
            position: last.try_get("position")?,
            recorded_at: last.try_get("recorded_at")?,
            account_seq: last.try_get("account_seq")?,
        }))
    };
    batch.iter().map(receipt).collect()
}
