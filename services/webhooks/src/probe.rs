//! Statements that find their rows by key, however large a table is and whatever the statistics
//! say of it.

use deadpool_postgres::{Object, Transaction};
use futures_util::try_join;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, Statement};

const PROBING: &str = include_str!("sql/probing.sql");

/// By which kind of index rows are found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// One that finds a key.
    Key,
    /// One that knows which pages to look at.
    Pages,
}

/// Makes the rest of a transaction find rows by index.
pub(crate) async fn probing(transaction: &Transaction<'_>, by: By) -> Result<(), Error> {
    let settings = transaction.prepare_cached(PROBING).await?;
    set(transaction, &settings, by).await
}

/// Reads rows by key.
pub(crate) async fn query(
    client: &mut Object,
    sql: &'static str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Error> {
    let transaction = client.transaction().await?;
    let settings = transaction.prepare_cached(PROBING).await?;
    let statement = transaction.prepare_cached(sql).await?;
    let read = transaction.query(&statement, parameters);
    // Both prepared, they are sent in one go and carried out in this order.
    let (_set, rows) = try_join!(set(&transaction, &settings, By::Key), read)?;
    Ok(rows)
}

/// Changes rows, and says how many.
pub(crate) async fn execute(
    client: &mut Object,
    by: By,
    sql: &'static str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<u64, Error> {
    let transaction = client.transaction().await?;
    probing(&transaction, by).await?;
    let statement = transaction.prepare_cached(sql).await?;
    let changed = transaction.execute(&statement, parameters).await?;
    transaction.commit().await?;
    Ok(changed)
}

async fn set(transaction: &Transaction<'_>, settings: &Statement, by: By) -> Result<(), Error> {
    let bitmapscan = if by == By::Pages { "on" } else { "off" };
    transaction.query_one(settings, &[&bitmapscan]).await.map(|_settings| ())
}
