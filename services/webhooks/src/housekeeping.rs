//! Rows that nobody waits for: deliveries given up are marked, old ones deleted, in small steps;
//! the endpoints of deleted webhooks go when nothing is due to them any more.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::sync::Notify;
use tokio_postgres::types::ToSql;

use crate::error::StoreError;
use crate::probe::{self, By};

const DROP_FIRST: &str = include_str!("sql/drop_first.sql");
const DROP_RETRIES: &str = include_str!("sql/drop_retries.sql");
const REMOVE_ENDPOINTS: &str = include_str!("sql/remove_endpoints.sql");
const FORGET_DELIVERIES: &str = include_str!("sql/forget_deliveries.sql");
/// Rows that one statement changes at most.
const STEP_ROWS_MAX: i64 = 2_000;
const EVERY: Duration = Duration::from_hours(1);

/// Keeps the table in order for ever: at once when deliveries were given up, and every hour.
pub(crate) async fn run(pool: Pool, keep_for: Duration, dropped: Arc<Notify>) {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let kept = tokio::select! {
            () = dropped.notified() => mark_dropped(&pool).await,
            _ = every.tick() => forget_old(&pool, keep_for).await,
        };
        if let Err(error) = kept {
            let error: &dyn Error = &error;
            tracing::warn!(error, "cannot keep the deliveries in order; will try again");
        }
    }
}

/// Marks what its webhook, inactive since, does not get any more; what is deleted goes.
async fn mark_dropped(pool: &Pool) -> Result<(), StoreError> {
    for sql in [DROP_FIRST, DROP_RETRIES] {
        loop {
            let mut client = pool.get().await.map_err(StoreError::Pool)?;
            if !is_full(probe::execute(&mut client, By::Key, sql, &[&STEP_ROWS_MAX]).await?) {
                break;
            }
        }
    }
    let mut client = pool.get().await.map_err(StoreError::Pool)?;
    probe::execute(&mut client, By::Key, REMOVE_ENDPOINTS, &[]).await?;
    Ok(())
}

/// Deletes deliveries that are done with and older than `keep_for`.
async fn forget_old(pool: &Pool, keep_for: Duration) -> Result<(), StoreError> {
    mark_dropped(pool).await?;
    loop {
        let mut client = pool.get().await.map_err(StoreError::Pool)?;
        let parameters: [&(dyn ToSql + Sync); 2] = [&keep_for.as_secs_f64(), &STEP_ROWS_MAX];
        let forgotten = probe::execute(&mut client, By::Pages, FORGET_DELIVERIES, &parameters);
        if !is_full(forgotten.await?) {
            return Ok(());
        }
    }
}

/// After so many rows there may be more.
fn is_full(changed: u64) -> bool {
    i64::try_from(changed).is_ok_and(|changed| changed == STEP_ROWS_MAX)
}
