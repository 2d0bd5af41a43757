//! Tables of this crate, and the check that nodes on one database share their secrets.

use baton_log::MigrateError;
use tokio_postgres::Client;

mod embedded {
    refinery::embed_migrations!("migrations");
}

const HISTORY_TABLE: &str = "baton_commands_migrations";

/// Why a node may not start on a database.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// The database did not do what was asked.
    #[error("cannot compare the secrets of this node with those of the others")]
    Database(#[from] tokio_postgres::Error),
    /// Other nodes on this database started with another value.
    #[error("{setting} differs from the one this database was first started with")]
    Mismatch {
        /// The setting's name.
        setting: String,
    },
}

/// Creates or updates this crate's tables. Any number of nodes may call it at once.
///
/// # Errors
/// [`MigrateError`] where the database refuses.
pub async fn migrate(client: &mut Client) -> Result<(), MigrateError> {
    baton_log::migrate(client, HISTORY_TABLE, embedded::migrations::runner()).await
}

/// Compares a secret's check value with that of the node that came first.
///
/// # Errors
/// [`InstanceError::Mismatch`], naming the setting.
pub async fn check_instance(
    client: &Client,
    setting: &str,
    check_value: [u8; 32],
) -> Result<(), InstanceError> {
    let claim = include_str!("sql/claim_check.sql");
    client.execute(claim, &[&setting, &check_value.as_slice()]).await?;
    let row = client.query_one(include_str!("sql/read_check.sql"), &[&setting]).await?;
    if row.try_get::<_, &[u8]>("check_value")? == check_value {
        Ok(())
    } else {
        Err(InstanceError::Mismatch { setting: setting.to_owned() })
    }
}
