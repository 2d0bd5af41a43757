//! A database per test, nodes on it, and waiting for facts that Postgres can tell.

use std::time::Duration;

use baton_harness::{wait_for, wait_until};
use baton_log::{Log, LogSettings};
use deadpool_postgres::{Manager, Object, Pool};
use tokio_postgres::{Client, Config, NoTls};

/// How long any fact may take on a busy machine.
pub(crate) const WAIT: Duration = Duration::from_secs(20);

/// A migrated database of its own.
pub(crate) struct Database {
    pub(crate) config: Config,
    /// Looks at the database; connecting is dear where passwords are hashed without optimisation.
    observer: Client,
    pool: Pool,
    kept: baton_harness::postgres::Database,
}

impl Database {
    pub(crate) async fn migrated() -> Self {
        let kept = baton_harness::postgres::database().await;
        let mut observer = kept.connect().await;
        Log::migrate(&mut observer).await.unwrap();
        let config = kept.config();
        let pool = Pool::builder(Manager::new(config.clone(), NoTls)).max_size(8).build().unwrap();
        Self { config, observer, pool, kept }
    }

    /// A connection that is no node.
    pub(crate) async fn connect(&self) -> Client {
        connect(&self.config).await
    }

    /// A superuser's connection.
    pub(crate) async fn connect_as_superuser(&self) -> Client {
        self.kept.connect_as_superuser().await
    }

    pub(crate) async fn node(&self) -> Log {
        node(&self.config, self.pool(), LogSettings::default()).await
    }

    /// Shared by all nodes of the test.
    pub(crate) fn pool(&self) -> Pool {
        self.pool.clone()
    }

    /// Takes the append lock, so that appends queue up behind it in the order they arrive.
    pub(crate) async fn hold_lock(&self) -> HeldLock {
        let client = self.pool.get().await.unwrap();
        client.batch_execute(include_str!("sql/hold_lock.sql")).await.unwrap();
        HeldLock(client)
    }

    /// Waits until some backend holds the append lock.
    pub(crate) async fn lock_held(&self) {
        let holders = include_str!("sql/lock_holders.sql");
        wait_until(WAIT, "a holder of the append lock", async || {
            self.observer.query_opt(holders, &[]).await.unwrap().is_some()
        })
        .await;
    }

    /// Waits until this many backends wait for the append lock; tells their pids.
    pub(crate) async fn waiters(&self, count: usize) -> Vec<i32> {
        wait_for(WAIT, "backends that wait for the append lock", async || {
            let waiters = self.observer.query(include_str!("sql/lock_waiters.sql"), &[]).await;
            let waiters: Vec<_> = waiters.unwrap().iter().map(|row| row.get("pid")).collect();
            (waiters.len() == count).then_some(waiters)
        })
        .await
    }

    /// Waits until one backend waits for the append lock and it is not this one.
    pub(crate) async fn another_waiter(&self, than: i32) {
        wait_until(WAIT, "another backend in the lost one's place", async || {
            self.waiters(1).await[0] != than
        })
        .await;
    }
}

/// The append lock, held by nobody's append.
pub(crate) struct HeldLock(Object);

impl HeldLock {
    pub(crate) async fn release(self) {
        self.0.batch_execute("rollback").await.unwrap();
    }
}

pub(crate) async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    // Ends with the client or with the server; a test that minds asks the client.
    tokio::spawn(async move { connection.await.ok() });
    client
}

pub(crate) async fn node(config: &Config, pool: Pool, settings: LogSettings) -> Log {
    Log::open(config.clone(), pool, settings).await.unwrap()
}
