//! Where webhook secrets are kept: sealed, outside the log.

use baton_domain::{AccountId, id::SecretId};
use deadpool_postgres::Pool;

/// The place of sealed secrets did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// No connection.
    #[error("cannot get a connection to the secrets")]
    Pool(#[source] deadpool_postgres::PoolError),
    /// The statement failed.
    #[error("cannot read or write the secrets")]
    Query(#[from] tokio_postgres::Error),
    /// There is none with the id.
    #[error("there is no such secret")]
    Missing,
}

pub(crate) async fn keep(
    pool: &Pool,
    account: &AccountId,
    id: SecretId,
    sealed: &[u8],
) -> Result<(), SecretsError> {
    let client = pool.get().await.map_err(SecretsError::Pool)?;
    let statement = client.prepare_cached(include_str!("sql/keep_secret.sql")).await?;
    client.execute(&statement, &[&id.0, &account.as_str(), &sealed]).await?;
    Ok(())
}

pub(crate) async fn find(
    pool: &Pool,
    account: &AccountId,
    id: SecretId,
) -> Result<Vec<u8>, SecretsError> {
    let client = pool.get().await.map_err(SecretsError::Pool)?;
    let statement = client.prepare_cached(include_str!("sql/find_secret.sql")).await?;
    let row = client.query_opt(&statement, &[&id.0, &account.as_str()]).await?;
    Ok(row.ok_or(SecretsError::Missing)?.try_get("sealed")?)
}
