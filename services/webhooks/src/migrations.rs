//! The tables of webhooks. Migrations only add; a change that removes comes a release later.

use tokio_postgres::Client;

use crate::error::MigrateError;

const LOCK: &str = include_str!("sql/migration_lock.sql");
const UNLOCK: &str = include_str!("sql/migration_unlock.sql");
const HISTORY_TABLE: &str = "baton_webhooks_migrations";

mod embedded {
    refinery::embed_migrations!("migrations");
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
