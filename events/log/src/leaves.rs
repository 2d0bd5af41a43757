//! Reads of what the ledger's trees are made of: where events stand, when they were recorded, and
//! their content hashes; not their content. Nothing here knows of trees.

use deadpool_postgres::Pool;
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::ReadError;
use crate::event::Position;
use crate::read::{bytes32, prepared};

const READ_LEAVES: &str = include_str!("sql/read_leaves.sql");
const READ_PLACED: &str = include_str!("sql/read_placed.sql");

/// An event without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Place in the whole log.
    pub position: Position,
    /// Place among the account's own events.
    pub account_seq: i64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// As it is stored: see [`crate::content_hash`].
    pub content_hash: [u8; 32],
}

/// The account's events after its `after`th and up to its `up_to`th, in order, as far as they are
/// there: as many as the caller can hold.
///
/// # Errors
/// [`ReadError`] where the database does not answer.
pub async fn leaves(
    pool: &Pool,
    account: &str,
    after: i64,
    up_to: i64,
) -> Result<Vec<Placed>, ReadError> {
    let (client, statement) = prepared(pool, READ_LEAVES).await?;
    let rows = client.query(&statement, &[&account, &after, &up_to]).await;
    let rows = rows.map_err(ReadError::Query)?;
    rows.iter().map(placed).collect::<Result<_, _>>().map_err(ReadError::Query)
}

/// The account's event with the id; none where it has no such event.
///
/// # Errors
/// [`ReadError`] where the database does not answer.
pub async fn leaf_of(
    pool: &Pool,
    account: &str,
    event_id: Uuid,
) -> Result<Option<Placed>, ReadError> {
    let (client, statement) = prepared(pool, READ_PLACED).await?;
    let row = client.query_opt(&statement, &[&account, &event_id]).await;
    row.map_err(ReadError::Query)?.as_ref().map(placed).transpose().map_err(ReadError::Query)
}

fn placed(row: &Row) -> Result<Placed, tokio_postgres::Error> {
    Ok(Placed {
        position: row.try_get("position")?,
        account_seq: row.try_get("account_seq")?,
        recorded_at: row.try_get("recorded_at")?,
        content_hash: bytes32(row, "content_hash")?,
    })
}
