//! Settings of one transaction: whose tables unqualified names mean, and how they are reached.

use baton_feed::Transaction;
use tokio_postgres::types::Type;

const PROBING: &str = include_str!("sql/probing_scope.sql");
const FILLING: &str = include_str!("sql/filling_scope.sql");
const BUILDING: &str = include_str!("sql/building_scope.sql");
const SWAPPING: &str = include_str!("sql/swapping_scope.sql");

/// For batches: rows are probed by key.
pub(crate) async fn probing(transaction: &Transaction<'_>) -> Result<(), tokio_postgres::Error> {
    transaction.query_typed(PROBING, &[]).await.map(|_settings| ())
}

/// For writing many new rows: probing, and nobody waits for a disk.
pub(crate) async fn filling(transaction: &Transaction<'_>) -> Result<(), tokio_postgres::Error> {
    transaction.query_typed(FILLING, &[]).await?;
    probing(transaction).await
}

/// For work on all of `schema`, however long it takes.
pub(crate) async fn building(
    transaction: &Transaction<'_>,
    schema: &str,
) -> Result<(), tokio_postgres::Error> {
    transaction.query_typed(BUILDING, &[(&schema, Type::TEXT)]).await.map(|_settings| ())
}

/// For a swap: nobody waits long behind it.
pub(crate) async fn swapping(transaction: &Transaction<'_>) -> Result<(), tokio_postgres::Error> {
    transaction.query_typed(SWAPPING, &[]).await.map(|_settings| ())
}
