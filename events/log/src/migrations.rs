//! The log's schema. Migrations only add; a change that removes comes a release later.

use tokio_postgres::Client;

use crate::error::LogError;

/// Held while migrating, so that nodes that start together migrate one after the other.
const LOCK: &str = include_str!("sql/migration_lock.sql");
const UNLOCK: &str = include_str!("sql/migration_unlock.sql");
const HISTORY_TABLE: &str = "baton_log_migrations";

mod embedded {
    refinery::embed_migrations!("migrations");
}

pub(crate) async fn run(client: &mut Client) -> Result<(), LogError> {
    client.batch_execute(LOCK).await.map_err(LogError::MigrationLock)?;
    let mut runner = embedded::migrations::runner();
    runner.set_migration_table_name(HISTORY_TABLE);
    let migrated = runner.run_async(client).await;
    // Unlocked also after a failure: the caller may keep the connection.
    client.batch_execute(UNLOCK).await.map_err(LogError::MigrationLock)?;
    migrated.map(|_report| ()).map_err(LogError::Migrate)
}
