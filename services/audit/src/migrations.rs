//! The table of recorded reads. Migrations only add; a change that removes comes a release later.

use baton_log::MigrateError;
use tokio_postgres::Client;

const HISTORY_TABLE: &str = "baton_audit_migrations";

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Brings the table up to date. Any number of nodes may do so at once.
///
/// # Errors
/// [`MigrateError`] where the database refuses.
pub async fn migrate(client: &mut Client) -> Result<(), MigrateError> {
    baton_log::migrate(client, HISTORY_TABLE, embedded::migrations::runner()).await
}
