//! How much waits to be sent, for those who watch over it. Reads only, and names nobody.

use deadpool_postgres::Pool;

use crate::error::StoreError;
use crate::probe;

const READ_BACKLOG: &str = include_str!("sql/read_backlog.sql");
/// Deliveries that are counted at most.
const COUNTED_MAX: i64 = 100_000;

/// What waits to be sent, and to how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Deliveries that are due now or later, up to 100,000.
    pub due: i64,
    /// Milliseconds since the next first attempt of a webhook was planned, of all webhooks the one
    /// that has waited longest; 0 without one. Deliveries that were asked for again do not count.
    pub oldest_due_ms: i64,
    /// Webhooks that are not deleted.
    pub endpoints: i64,
    /// Those among them that are switched off.
    pub inactive: i64,
}

/// Counts what waits.
///
/// # Errors
/// [`StoreError`] where the database does not answer.
pub async fn backlog(pool: &Pool) -> Result<Backlog, StoreError> {
    let mut client = pool.get().await.map_err(StoreError::Pool)?;
    let rows = probe::query(&mut client, READ_BACKLOG, &[&COUNTED_MAX]).await?;
    let row = rows.first().expect("aggregates have a row");
    Ok(Backlog {
        due: row.try_get("due")?,
        oldest_due_ms: row.try_get("oldest_due_ms")?,
        endpoints: row.try_get("endpoints")?,
        inactive: row.try_get("inactive")?,
    })
}
