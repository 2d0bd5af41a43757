//! A private Postgres cluster per test process, and an empty database per test.
//!
//! Must not: keep a task or a connection on the runtime of the test that came first.

use std::path::Path;

use baton_local::{DataDir, Postgres, PostgresSettings};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

use crate::backup;
use crate::place::Place;

/// Makes `pg_temp.content_hash` in a session, for events that are written by hand: the ledger takes
/// none whose content is not what its hash says.
pub const CONTENT_HASH: &str = include_str!("sql/content_hash.sql");

/// Every test may run a node with a pool, and several tests run at once.
const CONNECTIONS_MAX: u16 = 400;

/// What logging in takes, beside the cluster.
const SECRETS: [&str; 2] = ["postgres.password", "postgres-superuser.password"];

/// A running cluster, shared by the tests of one process unless one has it for itself.
#[derive(Debug)]
pub struct Cluster {
    /// `None` while it is down.
    server: Option<Postgres>,
    settings: PostgresSettings,
    data: DataDir,
    _place: Place,
}

/// The fast cluster: the same server, but nothing waits for a disk.
///
/// # Panics
///
/// When it cannot be started.
pub async fn cluster() -> &'static Cluster {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER.get_or_init(|| Cluster::start(false)).await
}

/// The cluster of tests about durability: `fsync` and `synchronous_commit` as in production.
///
/// # Panics
///
/// When it cannot be started.
pub async fn durable_cluster() -> &'static Cluster {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER.get_or_init(|| Cluster::start(true)).await
}

/// A durable cluster of the calling test alone, which may crash it.
///
/// # Panics
///
/// When it cannot be started.
pub async fn own_cluster() -> Cluster {
    Cluster::start(true).await
}

/// A new empty database in the fast cluster.
///
/// # Panics
///
/// When it cannot be created.
pub async fn database() -> Database {
    cluster().await.database().await
}

impl Cluster {
    async fn start(durable: bool) -> Cluster {
        let place = Place::new();
        let data = DataDir::open(&place.path().join("data")).expect("a data directory");
        let settings = PostgresSettings { durable, connections_max: CONNECTIONS_MAX };
        let server = Some(start(&data, &settings).await);
        Cluster { server, settings, data, _place: place }
    }

    /// A new empty database, owned by a role that is no superuser, as in production.
    ///
    /// # Panics
    ///
    /// When it cannot be created, or the cluster is down.
    pub async fn database(&self) -> Database {
        let server = self.server.as_ref().expect("the cluster is up");
        let name = format!("test_{}", Uuid::new_v4().simple());
        let keeper = server.superuser_config("postgres");
        // The name is ours and plain: a utility statement takes no parameters.
        let create = format!("create database {name} owner baton");
        let client = connect(&keeper).await;
        client.batch_execute(&create).await.expect("a new database");
        let url = server.url_for(&name);
        let superuser_url = server.superuser_url(&name);
        Database { name, url, superuser_url, keeper }
    }

    /// The directory of everything that it keeps.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.data.path()
    }

    /// The postmaster's process id.
    ///
    /// # Panics
    ///
    /// When the cluster is down.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.server.as_ref().expect("the cluster is up").pid()
    }

    /// A copy of this cluster as of now, taken while it runs, as a cluster of its own.
    ///
    /// # Panics
    ///
    /// When it cannot be copied, or does not start.
    pub async fn base_backup(&self) -> Cluster {
        let server = self.server.as_ref().expect("the cluster is up");
        let place = Place::new();
        let data = DataDir::open(&place.path().join("data")).expect("a data directory");
        backup::base(server.home(), &server.superuser_url("postgres"), &data).await;
        for secret in SECRETS {
            std::fs::copy(self.data.path().join(secret), data.path().join(secret))
                .expect("the copy has the same passwords");
        }
        let settings = self.settings.clone();
        let server = Some(start(&data, &settings).await);
        Cluster { server, settings, data, _place: place }
    }

    /// The database of this name that is here already.
    ///
    /// # Panics
    ///
    /// When the cluster is down.
    #[must_use]
    pub fn database_named(&self, name: &str) -> Database {
        let server = self.server.as_ref().expect("the cluster is up");
        let (url, superuser_url) = (server.url_for(name), server.superuser_url(name));
        let keeper = server.superuser_config("postgres");
        Database { name: name.to_owned(), url, superuser_url, keeper }
    }

    /// A crash: what was committed durably stays. Without effect while it is down.
    pub async fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill().await;
        }
    }

    /// Up again after [`Cluster::kill`], at the same address.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn restart(&mut self) {
        self.kill().await;
        self.server = Some(start(&self.data, &self.settings).await);
    }
}

/// A database of one test, dropped with it.
#[derive(Debug)]
pub struct Database {
    /// Its name in the cluster.
    pub name: String,
    /// For the role that owns it: the value of `BATON_DATABASE_URL`.
    pub url: String,
    /// For a superuser, to tamper behind the product's back.
    pub superuser_url: String,
    keeper: Config,
}

impl Database {
    /// The owner's login.
    ///
    /// # Panics
    ///
    /// Never: the URL is made here.
    #[must_use]
    pub fn config(&self) -> Config {
        self.url.parse().expect("a connection string made by the harness")
    }

    /// A connection of the owner, on the calling test's runtime.
    ///
    /// # Panics
    ///
    /// When the server does not take it.
    pub async fn connect(&self) -> Client {
        connect(&self.config()).await
    }

    /// A superuser's connection to this database.
    ///
    /// # Panics
    ///
    /// When the server does not take it.
    pub async fn connect_as_superuser(&self) -> Client {
        let config = self.superuser_url.parse();
        connect(&config.expect("a connection string made by the harness")).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let keeper = self.keeper.clone();
        let drop = format!("drop database if exists {} with (force)", self.name);
        // The test's runtime may be on its way out, and nobody waits for this: what is not
        // dropped goes with the cluster.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                let Ok((client, connection)) = keeper.connect(NoTls).await else {
                    return;
                };
                tokio::spawn(connection);
                let _ = client.batch_execute(&drop).await;
            });
        });
    }
}

async fn start(data: &DataDir, settings: &PostgresSettings) -> Postgres {
    Postgres::start(data, settings.clone()).await.expect("a private Postgres")
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("the test cluster answers");
    tokio::spawn(connection);
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn databases_are_empty_owned_by_baton_and_apart() {
        let (one, other) = (database().await, database().await);
        let client = one.connect().await;
        client.batch_execute("create table here (id int)").await.unwrap();

        let tables = "select count(*) from pg_catalog.pg_tables where schemaname = 'public'";
        let row = other.connect().await.query_one(tables, &[]).await.unwrap();
        assert_eq!(row.get::<_, i64>(0), 0);
        let who = "select current_user::text, (select rolsuper from pg_catalog.pg_roles \
                   where rolname = current_user)";
        let row = client.query_one(who, &[]).await.unwrap();
        assert_eq!((row.get::<_, &str>(0), row.get::<_, bool>(1)), ("baton", false));
        let row = one.connect_as_superuser().await.query_one(who, &[]).await.unwrap();
        assert!(row.get::<_, bool>(1));
    }

    #[test]
    fn the_cluster_outlives_the_runtime_that_started_it() {
        for _ in 0..2 {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let answer = runtime.block_on(async {
                let database = database().await;
                database.connect().await.query_one("select 1", &[]).await
            });
            assert_eq!(answer.unwrap().get::<_, i32>(0), 1);
        }
    }

    #[tokio::test]
    async fn the_durable_cluster_waits_for_the_disk() {
        let database = durable_cluster().await.database().await;
        let client = database.connect().await;
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            let row = client.query_one("select current_setting($1)", &[&setting]).await.unwrap();
            assert_eq!(row.get::<_, &str>(0), "on");
        }
    }

    #[tokio::test]
    async fn a_cluster_of_ones_own_can_crash_and_keeps_what_was_committed() {
        let mut cluster = own_cluster().await;
        let database = cluster.database().await;
        let client = database.connect().await;
        client.batch_execute("create table kept (id int)").await.unwrap();

        cluster.restart().await;
        assert!(client.query_one("select 1", &[]).await.is_err());
        database.connect().await.query_one("select count(*) from kept", &[]).await.unwrap();
    }
}
