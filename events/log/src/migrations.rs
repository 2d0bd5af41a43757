//! How the tables of each part of Baton are brought up to date, the log's first of all.
//! Migrations only add; a change that removes comes a release later.

use refinery::Runner;
use tokio_postgres::Client;

/// Held while migrating, so that nodes that start together migrate one after the other.
const LOCK: &str = include_str!("sql/migration_lock.sql");
const UNLOCK: &str = include_str!("sql/migration_unlock.sql");
const HISTORY_TABLE: &str = "baton_log_migrations";

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Tables could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The migration lock cannot be taken or released.
    #[error("cannot lock the database for the migrations in {history_table}")]
    Lock {
        /// Where what has been migrated is written down.
        history_table: &'static str,
        /// Why.
        #[source]
        cause: tokio_postgres::Error,
    },
    /// A migration failed.
    #[error("cannot carry out the migrations in {history_table}")]
    Migrate {
        /// Where what has been migrated is written down.
        history_table: &'static str,
        /// Why.
        #[source]
        cause: refinery::Error,
    },
}

/// Brings the tables of one part up to date and writes down in `history_table` what was done.
/// Any number of nodes may do so at once.
///
/// # Errors
/// [`MigrateError`] where the database refuses.
pub async fn migrate(
    client: &mut Client,
    history_table: &'static str,
    runner: Runner,
) -> Result<(), MigrateError> {
    let locked = |cause| MigrateError::Lock { history_table, cause };
    client.batch_execute(LOCK).await.map_err(locked)?;
    // A process of the release before finds migrations that it does not know, and starts.
    let mut runner = runner.set_abort_missing(false);
    runner.set_migration_table_name(history_table);
    let migrated = runner.run_async(client).await;
    // Unlocked also after a failure: the caller may keep the connection.
    client.batch_execute(UNLOCK).await.map_err(locked)?;
    let failed = |cause| MigrateError::Migrate { history_table, cause };
    migrated.map(|_report| ()).map_err(failed)
}

pub(crate) async fn of_the_log(client: &mut Client) -> Result<(), MigrateError> {
    migrate(client, HISTORY_TABLE, embedded::migrations::runner()).await
}
