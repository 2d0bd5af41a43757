//! Writes folded webhooks back.

use baton_domain::webhook::Webhook;
use baton_feed::HandleError;

use crate::batch::{Change, Document, column, write_rows};
use crate::statement::Tables;

const LOAD: &str = include_str!("sql/load.sql");
const INSERT: &str = include_str!("sql/insert.sql");
const UPDATE: &str = include_str!("sql/update.sql");

impl Document for Webhook {
    const LOAD: &'static str = LOAD;

    type Derived = ();

    fn derived(&self) {}

    async fn save(tables: Tables<'_>, changes: &[Change<Self>]) -> Result<(), HandleError> {
        let (new, known): (Vec<_>, Vec<_>) =
            changes.iter().partition(|change| change.version_before == 0);
        let created_at = column(&new, |change| change.state.created_at.to_jiff());
        let deleted = column(&new, |change| change.state.deleted);
        write_rows(tables, INSERT, &new, &[&created_at, &deleted]).await?;
        let deleted = column(&known, |change| change.state.deleted);
        let versions_before = column(&known, |change| change.version_before);
        write_rows(tables, UPDATE, &known, &[&deleted, &versions_before]).await
    }
}
