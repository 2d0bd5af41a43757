//! Where every subscription stands, for health pages and operators. Reads only.

use baton_log::Position;
use deadpool_postgres::Pool;
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::checkpoint::CheckpointError;

const READ_STATUS: &str = include_str!("sql/read_status.sql");

/// One subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionStatus {
    /// Its name.
    pub name: String,
    /// The last position handled.
    pub position: Position,
    /// Events not handled yet.
    pub lag: i64,
    /// Milliseconds since the first event not handled yet was recorded; 0 without lag.
    pub lag_ms: i64,
    /// A process holds it and its lease has not run out.
    pub held: bool,
    /// Who holds it, or did last without giving it back: process id and start of the holder.
    pub holder: Option<String>,
    /// Milliseconds left of the lease; below zero where it has run out.
    pub lease_ms: Option<i64>,
    /// Why it does not go on.
    pub failure: Option<Failure>,
}

/// What stops a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The chain of causes.
    pub text: String,
    /// The event it stops at; none when it is not about an event.
    pub position: Option<Position>,
    /// When it was last met.
    pub at: Timestamp,
}

/// Every subscription there ever was, by name.
pub async fn status(pool: &Pool) -> Result<Vec<SubscriptionStatus>, CheckpointError> {
    let client = pool.get().await.map_err(CheckpointError::Pool)?;
    let statement = client.prepare_cached(READ_STATUS).await.map_err(CheckpointError::Query)?;
    let rows = client.query(&statement, &[]).await.map_err(CheckpointError::Query)?;
    rows.iter().map(|row| one(row).map_err(CheckpointError::Query)).collect()
}

fn one(row: &Row) -> Result<SubscriptionStatus, tokio_postgres::Error> {
    let text: Option<String> = row.try_get("failure")?;
    let failure = match text {
        Some(text) => Some(Failure {
            text,
            position: row.try_get("failed_position")?,
            at: row.try_get("failed_at")?,
        }),
        None => None,
    };
    Ok(SubscriptionStatus {
        name: row.try_get("name")?,
        position: row.try_get("position")?,
        lag: row.try_get("lag")?,
        lag_ms: row.try_get("lag_ms")?,
        held: row.try_get("held")?,
        holder: row.try_get("holder")?,
        lease_ms: row.try_get("lease_ms")?,
        failure,
    })
}
