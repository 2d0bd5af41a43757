//! How much of the ledger is kept outside the database, for those who watch over it. Reads only,
//! and names nobody.

use deadpool_postgres::Pool;

use crate::error::LedgerError;

const READ_STANDING: &str = include_str!("sql/read_standing.sql");

/// What is in the directory, and what is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerStanding {
    /// Accounts that have a checkpoint.
    pub accounts: i64,
    /// Those whose last checkpoint is not in the directory.
    pub unanchored_accounts: i64,
    /// Events that no checkpoint in the directory covers, though one in the database does.
    pub unanchored_events: i64,
    /// Milliseconds since the oldest of them was recorded; 0 without one.
    pub unanchored_ms: i64,
}

/// How it is.
///
/// # Errors
/// [`LedgerError`] where the database does not answer.
pub async fn standing(pool: &Pool) -> Result<LedgerStanding, LedgerError> {
    let client = pool.get().await.map_err(LedgerError::Pool)?;
    let statement = client.prepare_cached(READ_STANDING).await?;
    let row = client.query_one(&statement, &[]).await?;
    Ok(LedgerStanding {
        accounts: row.try_get("accounts")?,
        unanchored_accounts: row.try_get("unanchored_accounts")?,
        unanchored_events: row.try_get("unanchored_events")?,
        unanchored_ms: row.try_get("unanchored_ms")?,
    })
}
