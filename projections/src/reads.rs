//! The readers' side: one handle for all queries, and the wait that makes them true enough.
//!
//! Each query names the account and filters by it: nothing of one account is visible to another.

use std::time::Duration;

use baton_feed::Progress;
use baton_log::Position;
use deadpool_postgres::{Object, Pool};
use tokio_postgres::Row;

use crate::error::{Behind, QueryError};
use crate::model::{LIVE, Model};
use crate::scope;
use crate::statement::{Bound, Tables, Value};

/// Reads the models of one database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reads {
    pool: Pool,
    /// Of each model, in the order of [`Model::ALL`].
    followers: [Progress; Model::ALL.len()],
}

impl Reads {
    /// Reads through `pool` what the followers have written: one of each model, in the order of
    /// [`Model::ALL`].
    #[must_use]
    pub fn new(pool: Pool, followers: [Progress; Model::ALL.len()]) -> Self {
        Self { pool, followers }
    }

    /// Waits until the model has reached `wanted`, at most for `limit`.
    ///
    /// # Errors
    /// [`Behind`] when it has not: the caller may be told to try again.
    pub async fn wait(
        &self,
        model: Model,
        wanted: Position,
        limit: Duration,
    ) -> Result<(), Behind> {
        let deadline = tokio::time::Instant::now() + limit;
        if self.progress(model).wait_until(wanted, deadline).await {
            return Ok(());
        }
        Err(Behind { model, wanted, reached: self.position(model), waited: limit })
    }

    /// The position that the model is known to have reached; it may be further by now.
    #[must_use]
    pub fn position(&self, model: Model) -> Position {
        *self.progress(model).position().borrow()
    }

    pub(crate) async fn connection(&self) -> Result<Object, QueryError> {
        self.pool.get().await.map_err(QueryError::Pool)
    }

    /// Rows of a statement, planned with its values.
    pub(crate) async fn rows(
        &self,
        sql: &str,
        bound: &[Bound<'_>],
    ) -> Result<Vec<Row>, QueryError> {
        let client = self.connection().await?;
        Ok(client.query_typed(sql, bound).await?)
    }

    /// Rows of a statement of one shape, prepared once a connection. Its plan must be right
    /// whatever the tables hold.
    pub(crate) async fn prepared(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, QueryError> {
        let client = self.connection().await?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query(&statement, values).await?)
    }

    /// Rows of a statement of one shape, by a plan that probes by key whatever the statistics say.
    pub(crate) async fn probed(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, QueryError> {
        let mut client = self.connection().await?;
        let transaction = client.transaction().await?;
        scope::probing(&transaction).await?;
        let rows = Tables::new(&transaction, LIVE).rows(sql, values).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    fn progress(&self, model: Model) -> &Progress {
        &self.followers[model as usize]
    }
}

/// Documents of rows that have a state.
pub(crate) fn states<S: serde::de::DeserializeOwned>(rows: &[Row]) -> Result<Vec<S>, QueryError> {
    rows.iter().map(state).collect()
}

/// The document of a row that has a state.
pub(crate) fn state<S: serde::de::DeserializeOwned>(row: &Row) -> Result<S, QueryError> {
    serde_json::from_str(row.try_get("state")?).map_err(QueryError::Row)
}

/// All rows of an answer that has no pages, when they stay within a bound; one more was asked for.
pub(crate) fn within<T>(items: Vec<T>, what: &'static str, max: i64) -> Result<Vec<T>, QueryError> {
    match i64::try_from(items.len()) {
        Ok(found) if found <= max => Ok(items),
        _ => Err(QueryError::TooMany { what, max }),
    }
}
