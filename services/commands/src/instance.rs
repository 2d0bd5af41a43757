//! Tables of this crate, and the check that nodes on one database share their secrets.

use tokio_postgres::Client;

mod embedded {
    refinery::embed_migrations!("migrations");
}

const HISTORY_TABLE: &str = "baton_commands_migrations";
/// Advisory lock that lets one node migrate at a time.
const MIGRATION_LOCK: i64 = 0x6261_746f_6e63_6d64;

/// Why a node may not start on a database.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// The database did not do what was asked.
    #[error("cannot prepare the tables of commands")]
    Database(#[from] tokio_postgres::Error),
    /// A migration failed.
    #[error("cannot migrate the tables of commands")]
    Migrate(#[source] refinery::Error),
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
/// [`InstanceError`] where the database refuses.
pub async fn migrate(client: &mut Client) -> Result<(), InstanceError> {
    client.execute(include_str!("sql/migration_lock.sql"), &[&MIGRATION_LOCK]).await?;
    let migrated = embedded::migrations::runner()
        .set_migration_table_name(HISTORY_TABLE)
        .run_async(client)
        .await;
    client.execute(include_str!("sql/migration_unlock.sql"), &[&MIGRATION_LOCK]).await?;
    migrated.map(|_report| ()).map_err(InstanceError::Migrate)
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
