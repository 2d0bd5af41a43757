//! The tables of policies. Migrations only add; a change that removes comes a release later.

use tokio_postgres::Client;

const LOCK: &str = include_str!("sql/migration_lock.sql");
const UNLOCK: &str = include_str!("sql/migration_unlock.sql");
const HISTORY_TABLE: &str = "baton_policies_migrations";

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The tables of policies could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The migration lock cannot be taken or released.
    #[error("cannot lock the tables of policies for migration")]
    Lock(#[source] tokio_postgres::Error),
    /// A migration failed.
    #[error("cannot migrate the tables of policies")]
    Migrate(#[source] refinery::Error),
}

/// Brings the tables up to date. Any number of nodes may do so at once.
///
/// # Errors
/// [`MigrateError`] where the database refuses.
pub async fn migrate(client: &mut Client) -> Result<(), MigrateError> {
    client.batch_execute(LOCK).await.map_err(MigrateError::Lock)?;
    let mut runner = embedded::migrations::runner();
    runner.set_migration_table_name(HISTORY_TABLE);
    let migrated = runner.run_async(client).await;
    // Unlocked also after a failure: the caller may keep the connection.
    client.batch_execute(UNLOCK).await.map_err(MigrateError::Lock)?;
    migrated.map(|_report| ()).map_err(MigrateError::Migrate)
}
