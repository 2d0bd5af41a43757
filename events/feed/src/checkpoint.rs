//! The table of checkpoints: who holds a subscription, until when, and how far it is.
//!
//! All time here is the database's. Nothing here knows events or handlers.

use std::time::Duration;

use baton_log::{MigrateError, Position};
use deadpool_postgres::{GenericClient, Object, Pool, Transaction};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

/// How long a holder keeps a subscription without a sign of life. Shorter than reads wait for
/// their model: after a crash they are late, not refused.
pub(crate) const LEASE: Duration = Duration::from_secs(3);
/// How long a batch's transaction may wait for its handler. Longer than a handler thinks before
/// it writes: one that is cut off there would be cut off for ever.
const BATCH_IDLE_MAX: Duration = Duration::from_secs(10);

const HISTORY_TABLE: &str = "baton_feed_migrations";
const CREATE: &str = include_str!("sql/create_checkpoint.sql");
const ACQUIRE: &str = include_str!("sql/acquire.sql");
const MOVE: &str = include_str!("sql/move_checkpoint.sql");
const RENEW: &str = include_str!("sql/renew_lease.sql");
const RELEASE: &str = include_str!("sql/release_lease.sql");
const RECORD_FAILURE: &str = include_str!("sql/record_failure.sql");
const CLEAR_FAILURE: &str = include_str!("sql/clear_failure.sql");
const STANDS: &str = include_str!("sql/stands.sql");
const READ_POSITION: &str = include_str!("sql/read_position.sql");
const LOCK_POSITION: &str = include_str!("sql/lock_position.sql");

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Why a checkpoint could not be read or moved.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// No connection.
    #[error("cannot get a connection for a checkpoint")]
    Pool(#[source] deadpool_postgres::PoolError),
    /// A statement failed.
    #[error("cannot read or move a checkpoint")]
    Query(#[source] tokio_postgres::Error),
}

/// Brings the table of checkpoints up to date. Any number of nodes may do so at once.
///
/// # Errors
/// [`MigrateError`] where the database refuses.
pub async fn migrate(client: &mut Client) -> Result<(), MigrateError> {
    baton_log::migrate(client, HISTORY_TABLE, embedded::migrations::runner()).await
}

/// Locks a subscription's checkpoint until the transaction ends and answers its position: no
/// batch commits meanwhile, so a rebuild can take the live model's place. 0 when it never ran.
pub async fn lock_position(
    transaction: &Transaction<'_>,
    name: &str,
) -> Result<Position, CheckpointError> {
    // The row must exist to be locked; else the subscription's first batch would slip by.
    for (sql, is_read) in [(CREATE, false), (LOCK_POSITION, true)] {
        let statement = transaction.prepare_cached(sql).await.map_err(CheckpointError::Query)?;
        let rows = transaction.query(&statement, &[&name]).await.map_err(CheckpointError::Query)?;
        if is_read && let Some(row) = rows.first() {
            return row.try_get("position").map_err(CheckpointError::Query);
        }
    }
    Ok(0)
}

/// A subscription's position; `None` when it never ran.
pub(crate) async fn read_position(
    pool: &Pool,
    name: &str,
) -> Result<Option<Position>, CheckpointError> {
    let client = pool.get().await.map_err(CheckpointError::Pool)?;
    let statement = client.prepare_cached(READ_POSITION).await.map_err(CheckpointError::Query)?;
    let row = client.query_opt(&statement, &[&name]).await.map_err(CheckpointError::Query)?;
    row.map(|row| row.try_get("position")).transpose().map_err(CheckpointError::Query)
}

/// A subscription that this process holds, as far as it knows.
#[derive(Debug)]
pub(crate) struct Held {
    name: &'static str,
    epoch: i64,
    /// The last position handled.
    position: Position,
    /// The position of the row: lower while the last events handled had no effect.
    saved: Position,
    /// A failure is written down, of this holder or one before.
    pub(crate) is_failed: bool,
}

impl Held {
    /// The subscription's name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Takes the subscription if it is free, run out, or `holder`'s own already.
    pub(crate) async fn acquire(
        pool: &Pool,
        name: &'static str,
        holder: &str,
    ) -> Result<Option<Self>, CheckpointError> {
        let client = pool.get().await.map_err(CheckpointError::Pool)?;
        let held = acquire(&client, name, holder).await.map_err(CheckpointError::Query)?;
        if held.is_some() || exists(&client, name).await.map_err(CheckpointError::Query)? {
            return Ok(held);
        }
        create(&client, name).await.map_err(CheckpointError::Query)?;
        acquire(&client, name, holder).await.map_err(CheckpointError::Query)
    }

    /// Whose time it is: each holder's is higher than the last one's.
    pub(crate) fn epoch(&self) -> i64 {
        self.epoch
    }

    /// The last position handled.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// Events up to `position` are handled, and the row says so.
    pub(crate) fn moved_to(&mut self, position: Position) {
        (self.position, self.saved, self.is_failed) = (position, position, false);
    }

    /// Events up to `position` are handled and have no effect: the row may say so later.
    pub(crate) fn passed(&mut self, position: Position) {
        self.position = position;
    }

    /// The row is behind what was handled.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.saved < self.position
    }

    /// Moves the checkpoint inside a batch's transaction, before its effect; false when another
    /// holder has been at work, and nothing of the batch may stay.
    ///
    /// `statement` is of [`prepare_move`]. When this is polled first, the statement is sent:
    /// whatever is sent over the same connection later, the server does later.
    pub(crate) async fn move_to(
        &self,
        transaction: &Transaction<'_>,
        statement: &Statement,
        position: Position,
        durable_commit: bool,
    ) -> Result<bool, tokio_postgres::Error> {
        let synchronous_commit = if durable_commit { "on" } else { "off" };
        self.move_row(transaction, statement, position, synchronous_commit).await
    }

    /// Moves the checkpoint to what was handled without effect; false when another holder has been
    /// at work. A crash of Postgres may take it back.
    pub(crate) async fn save(&mut self, pool: &Pool) -> Result<bool, CheckpointError> {
        let client = pool.get().await.map_err(CheckpointError::Pool)?;
        let statement = prepare_move(&client).await.map_err(CheckpointError::Query)?;
        let moved = self.move_row(&client, &statement, self.position, "off").await;
        if moved.map_err(CheckpointError::Query)? {
            self.moved_to(self.position);
            return Ok(true);
        }
        Ok(false)
    }

    async fn move_row(
        &self,
        client: &impl GenericClient,
        statement: &Statement,
        position: Position,
        synchronous_commit: &str,
    ) -> Result<bool, tokio_postgres::Error> {
        let idle_timeout = format!("{}ms", BATCH_IDLE_MAX.as_millis());
        let parameters: [&(dyn ToSql + Sync); 7] = [
            &self.name,
            &self.epoch,
            &self.saved,
            &position,
            &synchronous_commit,
            &LEASE.as_secs_f64(),
            &idle_timeout,
        ];
        Ok(client.execute(statement, &parameters).await? == 1)
    }

    /// Holds on for another lease; false when another holder has it.
    pub(crate) async fn renew(&self, pool: &Pool) -> Result<bool, CheckpointError> {
        self.own_row(pool, RENEW, &[&self.name, &self.epoch, &LEASE.as_secs_f64()]).await
    }

    /// Writes down why the subscription does not go on, and holds on; false when another holder
    /// has it.
    pub(crate) async fn record_failure(
        &self,
        pool: &Pool,
        failure: &str,
        position: Option<Position>,
    ) -> Result<bool, CheckpointError> {
        let lease = LEASE.as_secs_f64();
        let parameters: [&(dyn ToSql + Sync); 5] =
            [&self.name, &self.epoch, &failure, &position, &lease];
        self.own_row(pool, RECORD_FAILURE, &parameters).await
    }

    /// Whether the row says what this holder believes: its epoch, the position saved last.
    pub(crate) async fn stands(&self, pool: &Pool) -> Result<bool, CheckpointError> {
        self.own_row(pool, STANDS, &[&self.name, &self.epoch, &self.saved]).await
    }

    /// Says that what was written down is over; false when another holder has the subscription.
    pub(crate) async fn clear_failure(&self, pool: &Pool) -> Result<bool, CheckpointError> {
        self.own_row(pool, CLEAR_FAILURE, &[&self.name, &self.epoch]).await
    }

    /// Gives the subscription back; false when another holder has it anyway.
    pub(crate) async fn release(self, pool: &Pool) -> Result<bool, CheckpointError> {
        self.own_row(pool, RELEASE, &[&self.name, &self.epoch]).await
    }

    /// Runs a statement about this holder's own row; false when it found none.
    async fn own_row(
        &self,
        pool: &Pool,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<bool, CheckpointError> {
        let client = pool.get().await.map_err(CheckpointError::Pool)?;
        let statement = client.prepare_cached(sql).await.map_err(CheckpointError::Query)?;
        let updated = client.execute(&statement, parameters).await;
        updated.map(|rows| rows == 1).map_err(CheckpointError::Query)
    }
}

/// Prepares [`Held::move_to`] for a connection, once.
pub(crate) async fn prepare_move(
    client: &impl GenericClient,
) -> Result<Statement, tokio_postgres::Error> {
    client.prepare_cached(MOVE).await
}

async fn acquire(
    client: &Object,
    name: &'static str,
    holder: &str,
) -> Result<Option<Held>, tokio_postgres::Error> {
    let statement = client.prepare_cached(ACQUIRE).await?;
    let row = client.query_opt(&statement, &[&name, &holder, &LEASE.as_secs_f64()]).await?;
    row.map(|row| {
        let (epoch, position) = (row.try_get("epoch")?, row.try_get("position")?);
        let is_failed = row.try_get("is_failed")?;
        Ok(Held { name, epoch, position, saved: position, is_failed })
    })
    .transpose()
}

async fn exists(client: &Object, name: &str) -> Result<bool, tokio_postgres::Error> {
    let statement = client.prepare_cached(READ_POSITION).await?;
    Ok(client.query_opt(&statement, &[&name]).await?.is_some())
}

async fn create(client: &Object, name: &str) -> Result<(), tokio_postgres::Error> {
    let statement = client.prepare_cached(CREATE).await?;
    client.execute(&statement, &[&name]).await.map(|_rows| ())
}
