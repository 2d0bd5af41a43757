//! Writes folded recurrences back.

use baton_domain::recurrence::Recurrence;
use baton_feed::HandleError;

use crate::batch::{Change, Document, column, write_rows};
use crate::statement::{Tables, Value};

const LOAD: &str = include_str!("sql/load.sql");
const INSERT: &str = include_str!("sql/insert.sql");
const UPDATE: &str = include_str!("sql/update.sql");

impl Document for Recurrence {
    const LOAD: &'static str = LOAD;

    type Derived = ();

    fn derived(&self) {}

    async fn save(tables: Tables<'_>, changes: &[Change<Self>]) -> Result<(), HandleError> {
        let (new, known): (Vec<_>, Vec<_>) =
            changes.iter().partition(|change| change.version_before == 0);
        let created_at = column(&new, |change| change.state.created_at.to_jiff());
        write(tables, INSERT, &new, &created_at).await?;
        let versions_before = column(&known, |change| change.version_before);
        write(tables, UPDATE, &known, &versions_before).await
    }
}

/// Writes what both statements set, and what only one of them takes.
async fn write(
    tables: Tables<'_>,
    sql: &'static str,
    changes: &[&Change<Recurrence>],
    last: Value<'_>,
) -> Result<(), HandleError> {
    let created_by = column(changes, |change| change.state.created_by.map(|agent| agent.0));
    let assigned_to = column(changes, |change| change.state.assigned_to.map(|agent| agent.0));
    let deleted = column(changes, |change| change.state.deleted);
    write_rows(tables, sql, changes, &[&created_by, &assigned_to, &deleted, last]).await
}
