//! A handler and the renewal of its lease share a pool: neither may wait for ever for what the
//! other has.

use std::sync::Arc;

use baton_feed::{HandleError, Handler, Transaction, spawn};
use baton_harness::wait_until;
use baton_log::RecordedEvent;
use deadpool_postgres::Pool;
use tokio::sync::{Notify, Semaphore};

use crate::support::{SOON, pool, soon, subscription, world};

/// Keeps every connection until told that somebody else waits for one.
struct Greedy {
    pool: Pool,
    has_all: Arc<Notify>,
    go_on: Arc<Semaphore>,
}

impl Handler for Greedy {
    async fn before(&mut self, _events: &[RecordedEvent]) -> Result<(), HandleError> {
        let mut all = Vec::new();
        for _ in 0..self.pool.status().max_size {
            all.push(self.pool.get().await.unwrap());
        }
        self.has_all.notify_one();
        let _permit = self.go_on.acquire().await.unwrap();
        Ok(())
    }

    async fn apply(
        &mut self,
        _transaction: &Transaction<'_>,
        _events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_renewal_that_waits_for_a_connection_does_not_stop_the_handler_that_has_it() {
    let world = world().await;
    let pool = pool(&world.database);
    let (has_all, go_on) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let greedy =
        Greedy { pool: pool.clone(), has_all: Arc::clone(&has_all), go_on: Arc::clone(&go_on) };
    let running = spawn(world.log.clone(), pool.clone(), subscription("w"), greedy);
    let position = world.append(1).await;
    has_all.notified().await;
    let waits = async || pool.status().waiting > 0;
    wait_until(SOON, "the renewal waits for a connection", waits).await;
    go_on.add_permits(1);
    assert!(running.wait_until(position, soon()).await, "the two wait for each other");
}
