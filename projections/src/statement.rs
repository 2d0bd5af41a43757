//! Statements of two kinds: prepared once a connection, and planned anew with their values.
//!
//! What a projector writes is always of the same shape and probes by key: it is prepared, and its
//! plan is made under the settings of `probing_scope.sql`, which keep it right whatever the tables
//! hold. So is a read of one shape. A filter without a value, however, must vanish before it is
//! planned: such reads carry their values and are planned each time, in one round trip.

use std::borrow::Cow;

use baton_feed::Transaction;
use bytes::Bytes;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{CopyInSink, Error, Row, Statement};

use crate::model::LIVE;

/// A value to bind.
pub(crate) type Value<'a> = &'a (dyn ToSql + Sync);

/// A value to bind where nothing is prepared, and its type.
pub(crate) type Bound<'a> = (Value<'a>, Type);

/// The tables of a model in one schema, within a transaction. Statements name those of the live
/// one.
#[derive(Clone, Copy)]
pub(crate) struct Tables<'a> {
    pub(crate) transaction: &'a Transaction<'a>,
    pub(crate) schema: &'static str,
}

impl<'a> Tables<'a> {
    pub(crate) fn new(transaction: &'a Transaction<'a>, schema: &'static str) -> Self {
        Self { transaction, schema }
    }

    /// Prepares what the connection does not know yet. What is known is sent when it is first
    /// polled: statements run side by side then reach the server in the order they are named in.
    pub(crate) async fn prepare(self, statements: &[&'static str]) -> Result<(), Error> {
        for sql in statements {
            self.prepared(sql).await?;
        }
        Ok(())
    }

    /// The statement about these tables.
    pub(crate) async fn prepared(self, sql: &'static str) -> Result<Statement, Error> {
        self.transaction.prepare_cached(&in_schema(sql, self.schema)).await
    }

    pub(crate) async fn rows(
        self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, Error> {
        let statement = self.prepared(sql).await?;
        self.transaction.query(&statement, values).await
    }

    /// Begins to copy rows into a table.
    pub(crate) async fn copy(self, sql: &'static str) -> Result<CopyInSink<Bytes>, Error> {
        self.transaction.copy_in(&*in_schema(sql, self.schema)).await
    }

    /// Answers how many rows were written.
    pub(crate) async fn write(self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Error> {
        let statement = self.prepared(sql).await?;
        self.transaction.execute(&statement, values).await
    }
}

/// The statement, about the tables of that schema.
fn in_schema(sql: &'static str, schema: &str) -> Cow<'static, str> {
    if schema == LIVE {
        return Cow::Borrowed(sql);
    }
    Cow::Owned(sql.replace(&format!("{LIVE}."), &format!("{schema}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_names_the_tables_of_its_schema() {
        let sql = "select t.task_id from read.tasks t join read.task_lists i using (task_id)";
        assert_eq!(in_schema(sql, LIVE), sql);
        let beside = "select t.task_id from b.tasks t join b.task_lists i using (task_id)";
        assert_eq!(in_schema(sql, "b"), beside);
    }
}
