//! Whether the log is there: for those who watch over it. Reads only.

use deadpool_postgres::Pool;

use crate::error::ReadError;
use crate::event::Position;
use crate::read::prepared;

const PROBE: &str = include_str!("sql/probe.sql");

/// What the database says of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The last position; 0 in an empty log.
    pub head: Position,
    /// The server takes writes: it is no stand-by, and not set to read only.
    pub accepts_writes: bool,
}

/// How many commands wait for the appender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Those that wait.
    pub waiting: usize,
    /// As many may; the next one is refused.
    pub capacity: usize,
    /// The appender takes commands.
    pub is_open: bool,
}

/// Looks whether the log can be read, and written as far as a look can tell.
pub async fn probe(pool: &Pool) -> Result<Probe, ReadError> {
    let (client, statement) = prepared(pool, PROBE).await?;
    let row = client.query_one(&statement, &[]).await.map_err(ReadError::Query)?;
    let read =
        || Ok(Probe { head: row.try_get("head")?, accepts_writes: row.try_get("accepts_writes")? });
    read().map_err(ReadError::Query)
}
