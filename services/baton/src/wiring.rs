//! What is connected to what. No rules here, and no logic beyond order.

use std::path::Path;

use baton_commands::{Commands, MasterKey, check_instance, hash_of};
use baton_domain::account::KeyHash;
use baton_feed::{Feed, Tail};
use baton_history::{Directory, Excerpts, History};
use baton_ledger::{Ledger, LedgerKey};
use baton_local::{DataDir, LocalError};
use baton_log::{Log, LogSettings};
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod};
use tokio_postgres::{Config as DatabaseConfig, NoTls};
use tokio_util::sync::CancellationToken;

use crate::config::Settings;

/// Connections for requests.
const REQUEST_CONNECTIONS_MAX: usize = 24;
/// Connections for health and metrics: what operators see depends on nobody's load.
const WATCH_CONNECTIONS_MAX: usize = 2;
/// How long their statements may take, in milliseconds.
const WATCH_STATEMENT_MS_MAX: u32 = 2_000;
/// Connections of an operator who looks at everything.
const LOOKING_CONNECTIONS_MAX: usize = 8;
/// Connections for followers: they never wait for requests, nor requests for them.
const FOLLOWER_CONNECTIONS_MAX: usize = 16;

const SESSION: &str = include_str!("sql/session.sql");

const MASTER_KEY_FILE: &str = "master-key";
const LEDGER_KEY_FILE: &str = "ledger-key";
const PROJECT_TOKEN_FILE: &str = "project-token";
/// Where a node in local mode leaves word of its database for `baton rebuild` and the like.
pub(crate) const DATABASE_URL_FILE: &str = "database-url";
/// Likewise of its NATS, for `baton nats rebuild`.
pub(crate) const NATS_URL_FILE: &str = "nats-url";

/// Why a node cannot start. Each is one line that says what to mend.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("cannot use the data directory")]
    Local(#[from] LocalError),
    #[error(
        "no database: set BATON_DATABASE_URL, or run `baton serve` with the same data directory"
    )]
    NoDatabase,
    #[error("--roles leaves work to other processes: set BATON_DATABASE_URL to share a Postgres")]
    RolesWithoutDatabase,
    #[error("--roles has relay: set BATON_NATS_URL to say where it publishes")]
    RelayWithoutNats,
    #[error("cannot connect to the database (BATON_DATABASE_URL)")]
    Connect(#[source] tokio_postgres::Error),
    #[error("cannot make a pool of connections")]
    Pool(#[from] deadpool_postgres::BuildError),
    #[error("cannot bring the database up to date")]
    Migrate(#[from] baton_log::MigrateError),
    #[error("cannot open the log")]
    Log(#[from] baton_log::LogError),
    #[error("cannot start on this database")]
    Instance(#[from] baton_commands::InstanceError),
    #[error("cannot read the subscriptions")]
    Feed(#[from] baton_feed::CheckpointError),
    #[error("cannot watch this process")]
    Watch(#[from] baton_operations::InstallError),
    #[error("cannot prepare the read models")]
    Install(#[from] baton_projections::InstallError),
    #[error("cannot rebuild a read model")]
    Rebuild(#[from] baton_projections::RebuildError),
    #[error("cannot read the accounts")]
    Directory(#[from] baton_history::FoldError),
    #[error("the key in the data directory is unusable")]
    MasterKey(#[from] baton_commands::SealError),
    #[error("the ledger's key in the data directory is unusable")]
    LedgerKey(#[from] baton_ledger::KeyError),
    #[error("cannot open the ledger")]
    Ledger(#[from] baton_ledger::LedgerError),
    #[error("cannot export or verify")]
    Audit(#[from] baton_audit::AuditError),
    #[error("no key to verify by: give --key, or set BATON_LEDGER_KEY or BATON_DATA_DIR")]
    NoVerifier,
    #[error("{option} must be {mend}")]
    Option { option: &'static str, mend: &'static str },
    #[error("cannot use NATS (BATON_NATS_URL)")]
    Nats(#[source] baton_feed::relay::ConnectError),
    #[error("no NATS: set BATON_NATS_URL, or run `baton serve` with the same data directory")]
    NoNats,
    #[error("cannot rebuild the stream")]
    Stream(#[from] baton_feed::relay::RelayError),
    #[error(
        "the stream {stream} on this NATS (BATON_NATS_URL) is not of this log: neither its first \
         nor its last message is the event at that position, so it may be another Baton's; \
         nothing was changed; `baton nats rebuild --force` deletes it all the same"
    )]
    StreamOfAnother { stream: String },
    #[error(
        "the stream is at {reached} of {head} and has not moved for {waited:?}; \
         the relay of a running node goes on by itself, and its log and /health/ready say why not"
    )]
    NatsRebuild { reached: i64, head: i64, waited: std::time::Duration },
    #[error("cannot start the sender of webhooks")]
    Sender(#[from] baton_webhooks::StartError),
    #[error("cannot listen on {address} (BATON_LISTEN)")]
    Listen {
        address: std::net::SocketAddr,
        #[source]
        cause: std::io::Error,
    },
    #[error("cannot write {path}")]
    Write {
        path: std::path::PathBuf,
        #[source]
        cause: std::io::Error,
    },
    #[error("cannot remove {path}")]
    Remove {
        path: std::path::PathBuf,
        #[source]
        cause: std::io::Error,
    },
    #[error("an account's name is a slug: 1 to 63 of a-z, 0-9 and -, beginning with a letter")]
    AccountName,
    #[error("the account \"default\" exists from the start; its token is BATON_PROJECT_TOKEN")]
    DefaultAccount,
    #[error("cannot read the log")]
    ReadLog(#[from] baton_log::ReadError),
    #[error("there is no event with this id")]
    NoSuchEvent,
    #[error("there is no such read model; there are: tasks, webhooks, comments, context")]
    NoSuchModel,
    #[error("the command was not carried out")]
    Command(#[source] baton_commands::CommandError),
    #[error("HTTP stopped")]
    Http(#[source] std::io::Error),
}

/// What nodes that share a database must share.
pub(crate) struct NodeSecrets {
    pub(crate) master_key: MasterKey,
    pub(crate) ledger_key: LedgerKey,
    pub(crate) project_token: KeyHash,
}

impl NodeSecrets {
    /// From the settings, or else from the data directory, where they are made at first start.
    pub(crate) fn of(settings: &Settings, data: &DataDir) -> Result<Self, StartError> {
        let master_key = match &settings.master_key {
            Some(key) => key.clone(),
            None => MasterKey::parse(&data.secret(MASTER_KEY_FILE)?.value)?,
        };
        let ledger_key = match &settings.ledger_key {
            Some(key) => key.clone(),
            None => LedgerKey::parse(&data.secret(LEDGER_KEY_FILE)?.value)?,
        };
        let project_token = match &settings.project_token {
            Some(token) => hash_of(&token.0),
            None => {
                let token = data.secret(PROJECT_TOKEN_FILE)?;
                tracing::info!(file = %token.path.display(), "the project token is in this file");
                hash_of(&token.value)
            }
        };
        Ok(Self { master_key, ledger_key, project_token })
    }
}

/// The log and what reads and writes it; all other parts of a node stand on this.
pub(crate) struct Core {
    pub(crate) log: Log,
    /// For followers and operators.
    pub(crate) pool: Pool,
    /// For requests.
    pub(crate) request_pool: Pool,
    /// For those who watch.
    pub(crate) watch_pool: Pool,
    pub(crate) commands: Commands,
    /// Proofs of what the log says.
    pub(crate) ledger: Ledger,
}

impl Core {
    /// Brings the database up to date and opens the log on it.
    pub(crate) async fn open(
        database: &DatabaseConfig,
        secrets: NodeSecrets,
    ) -> Result<Self, StartError> {
        let database = named(database);
        prepare(&database, &secrets).await?;
        let pool = pool(&database, FOLLOWER_CONNECTIONS_MAX)?;
        let request_pool = self::pool(&database, REQUEST_CONNECTIONS_MAX)?;
        let watch_pool = self::pool(&hasty(&database), WATCH_CONNECTIONS_MAX)?;
        let log = Log::open(database, request_pool.clone(), LogSettings::default()).await?;
        let directory = Directory::open(log.clone()).await?;
        let NodeSecrets { master_key, ledger_key, project_token } = secrets;
        let ledger = Ledger::open(request_pool.clone(), ledger_key).await?;
        let history = History::new(log.clone());
        let commands =
            Commands::new(history, request_pool.clone(), directory, master_key, project_token);
        Ok(Self { log, pool, request_pool, watch_pool, commands, ledger })
    }

    /// Events for those who follow them, until told to stop.
    pub(crate) fn feed(&self, stop: &CancellationToken) -> Feed {
        let directory = self.commands.directory().clone();
        let history = self.commands.history();
        let excerpts = Excerpts::new(history.clone(), directory.clone());
        let tail = Tail::start(history.clone(), directory, stop.clone());
        Feed::new(self.log.clone(), excerpts, tail)
    }

    /// For an operator's command beside a node that may be running.
    pub(crate) async fn of_running(settings: &Settings) -> Result<Self, StartError> {
        let database = database_of_running(settings)?;
        let secrets = NodeSecrets::of_running(settings)?;
        Self::open(&database, secrets).await
    }
}

impl NodeSecrets {
    /// Beside a running node, which holds the data directory.
    fn of_running(settings: &Settings) -> Result<Self, StartError> {
        let file = |name| {
            baton_local::secret_file(&settings.data_dir.join(name), baton_local::random_token)
        };
        let master_key = match &settings.master_key {
            Some(key) => key.clone(),
            None => MasterKey::parse(&file(MASTER_KEY_FILE)?.value)?,
        };
        let ledger_key = match &settings.ledger_key {
            Some(key) => key.clone(),
            None => LedgerKey::parse(&file(LEDGER_KEY_FILE)?.value)?,
        };
        let project_token = match &settings.project_token {
            Some(token) => hash_of(&token.0),
            None => hash_of(&file(PROJECT_TOKEN_FILE)?.value),
        };
        Ok(Self { master_key, ledger_key, project_token })
    }
}

/// The key that signs the ledger, where this machine has it. None is made.
pub(crate) fn known_ledger_key(settings: &Settings) -> Result<Option<LedgerKey>, StartError> {
    if let Some(key) = &settings.ledger_key {
        return Ok(Some(key.clone()));
    }
    match std::fs::read_to_string(settings.data_dir.join(LEDGER_KEY_FILE)) {
        Ok(text) => Ok(Some(LedgerKey::parse(text.trim())?)),
        Err(_) => Ok(None),
    }
}

/// The same database for those who do not wait: what is asked and not answered is not piled up.
fn hasty(database: &DatabaseConfig) -> DatabaseConfig {
    let mut hasty = database.clone();
    let options = database.get_options().unwrap_or_default();
    hasty.options(format!("{options} -c statement_timeout={WATCH_STATEMENT_MS_MAX}"));
    hasty
}

/// Connections for an operator who only looks at a node that may be running.
pub(crate) fn looking_pool(settings: &Settings) -> Result<Pool, StartError> {
    pool(&named(&database_of_running(settings)?), LOOKING_CONNECTIONS_MAX)
}

/// The log, with a pool for reading it, for an operator who only looks: nothing is migrated, and
/// no secret is needed.
pub(crate) async fn looking_log(settings: &Settings) -> Result<(Log, Pool), StartError> {
    let database = named(&database_of_running(settings)?);
    let pool = pool(&database, LOOKING_CONNECTIONS_MAX)?;
    let log = Log::open(database, pool.clone(), LogSettings::default()).await?;
    Ok((log, pool))
}

fn database_of_running(settings: &Settings) -> Result<DatabaseConfig, StartError> {
    match &settings.database {
        Some(database) => Ok(database.clone()),
        None => local_database(&settings.data_dir),
    }
}

fn local_database(data_dir: &Path) -> Result<DatabaseConfig, StartError> {
    let text = std::fs::read_to_string(data_dir.join(DATABASE_URL_FILE));
    let text = text.map_err(|_| StartError::NoDatabase)?;
    text.trim().parse().map_err(|_| StartError::NoDatabase)
}

/// Migrates what has tables and checks that this node shares its secrets with the others.
async fn prepare(database: &DatabaseConfig, secrets: &NodeSecrets) -> Result<(), StartError> {
    let (mut client, connection) = database.connect(NoTls).await.map_err(StartError::Connect)?;
    let connection = tokio::spawn(connection);
    Log::migrate(&mut client).await?;
    baton_commands::migrate(&mut client).await?;
    baton_feed::migrate(&mut client).await?;
    baton_webhooks::migrate(&mut client).await?;
    baton_policies::migrate(&mut client).await?;
    baton_ledger::migrate(&mut client).await?;
    baton_audit::migrate(&mut client).await?;
    baton_scheduler::migrate(&mut client).await?;
    check_instance(&client, "BATON_MASTER_KEY", secrets.master_key.check_value()).await?;
    check_instance(&client, "BATON_LEDGER_KEY", secrets.ledger_key.check_value()).await?;
    let token_check = hash_of(&secrets.project_token.to_string());
    check_instance(&client, "BATON_PROJECT_TOKEN", token_check.0).await?;
    drop(client);
    // It ends with its client; how is of no interest any more.
    let _ended = connection.await;
    Ok(())
}

fn named(database: &DatabaseConfig) -> DatabaseConfig {
    let mut database = database.clone();
    if database.get_application_name().is_none() {
        database.application_name("baton");
    }
    database
}

fn pool(database: &DatabaseConfig, connections_max: usize) -> Result<Pool, StartError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(database.clone(), NoTls, recycling);
    let session = Hook::async_fn(|client, _| {
        Box::pin(async move {
            let set = client.query_typed(SESSION, &[]).await;
            set.map(|_settings| ()).map_err(HookError::Backend)
        })
    });
    Ok(Pool::builder(manager).max_size(connections_max).post_create(session).build()?)
}
