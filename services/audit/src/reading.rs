//! The record of what auditors read: a row before each answer. It must not decide whose reads are
//! recorded, or what may be read.

use deadpool_postgres::Pool;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::error::AuditError;

const RECORD_READ: &str = include_str!("sql/record_read.sql");

/// What somebody asks to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The account it is of.
    pub account: String,
    /// The agent that asks.
    pub agent: Uuid,
    /// Of the request.
    pub method: String,
    /// Its path and query.
    pub target: String,
    /// Its id.
    pub correlation_id: Uuid,
}

/// Records it; what was not recorded is not to be shown.
///
/// # Errors
/// [`AuditError`] where the database does not take it.
pub async fn record_read(pool: &Pool, reading: &Reading) -> Result<(), AuditError> {
    let client = pool.get().await.map_err(AuditError::Pool)?;
    let statement = client.prepare_cached(RECORD_READ).await?;
    let Reading { account, agent, method, target, correlation_id } = reading;
    let parameters: [&(dyn ToSql + Sync); 5] = [account, agent, method, target, correlation_id];
    client.execute(&statement, &parameters).await?;
    Ok(())
}
