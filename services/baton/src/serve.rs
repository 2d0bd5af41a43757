//! `baton serve`: one node, from its first line to its last.

use std::{path::Path, sync::Arc, time::Duration};

use baton_api::{Services, edge::EdgeSettings, entrance::Entrance, rate_limit::Rates};
use baton_audit::Exports;
use baton_duplicates::Duplicates;
use baton_history::Past;
use baton_local::{DataDir, Nats, Postgres, PostgresSettings};
use baton_operations::{Operations, Recorder};
use baton_queue::Queue;
use baton_webhooks::{AddressRules, Deliveries, SystemLookup};
use poem::{
    Server,
    listener::{Acceptor as _, Listener as _, TcpListener},
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_postgres::Config as DatabaseConfig;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Settings,
    followers::Followers,
    roles::{Role, Roles},
    watching::operations,
    wiring::{Core, DATABASE_URL_FILE, NATS_URL_FILE, NodeSecrets, StartError},
};

/// How long requests under way may take when the node is told to stop.
const DRAIN_LIMIT: Duration = Duration::from_secs(20);
const ADDRESS_FILE: &str = "address";
/// How often idempotency keys older than 24 hours are forgotten.
const FORGET_KEYS_EVERY: Duration = Duration::from_secs(600);

/// Where database and NATS are, and the private ones among them.
struct Servers {
    database: DatabaseConfig,
    nats_url: Option<String>,
    postgres: Option<Postgres>,
    nats: Option<Nats>,
}

/// What this process was told to be.
struct Node {
    settings: Settings,
    roles: Roles,
    data: DataDir,
}

/// Serves until a signal asks it to stop.
pub(crate) async fn serve(settings: Settings, roles: Roles) -> Result<(), StartError> {
    check(&settings, &roles)?;
    let stop = told_to_stop();
    let data = DataDir::open(&settings.data_dir)?;
    let secrets = NodeSecrets::of(&settings, &data)?;
    // Told to stop while they start: what is dropped half-way tells its server to go.
    let Some(servers) = stop.run_until_cancelled(servers(&settings, &data)).await else {
        return Ok(());
    };
    let Servers { database, nats_url, postgres, nats } = servers?;
    let node = Node { settings, roles, data };
    let served = run(&node, (database, nats_url), secrets, stop).await;
    if let Some(nats) = nats {
        nats.stop().await;
    }
    if let Some(postgres) = postgres {
        postgres.stop().await;
    }
    served
}

/// Roles that are left to other processes need servers that those can reach.
fn check(settings: &Settings, roles: &Roles) -> Result<(), StartError> {
    if !roles.are_all() && settings.database.is_none() {
        return Err(StartError::RolesWithoutDatabase);
    }
    if !roles.are_all() && roles.has(Role::Relay) && settings.nats_url.is_none() {
        return Err(StartError::RelayWithoutNats);
    }
    Ok(())
}

/// The servers to use: the shared ones, or private ones.
async fn servers(settings: &Settings, data: &DataDir) -> Result<Servers, StartError> {
    let (database, postgres) = match &settings.database {
        Some(database) => (database.clone(), None),
        None => {
            let postgres = Postgres::start(data, PostgresSettings::default()).await?;
            write_private(&data.path().join(DATABASE_URL_FILE), &postgres.url())?;
            (postgres.config(), Some(postgres))
        }
    };
    let nats = private_nats(settings, data).await?;
    let nats_url = settings.nats_url.clone().or_else(|| nats.as_ref().map(Nats::url));
    Ok(Servers { database, nats_url, postgres, nats })
}

/// A private NATS, only beside a private Postgres: processes that share a database would each
/// publish to one of their own.
async fn private_nats(settings: &Settings, data: &DataDir) -> Result<Option<Nats>, StartError> {
    let nats = match (&settings.nats_url, &settings.database) {
        (Some(_), _) => None,
        (None, None) => Nats::start(data).await?,
        (None, Some(_)) => {
            tracing::warn!(
                "going without NATS: the Postgres is a shared one, so the NATS must be too \
                 (set BATON_NATS_URL)"
            );
            None
        }
    };
    let file = data.path().join(NATS_URL_FILE);
    match &nats {
        Some(nats) => write_private(&file, &nats.url())?,
        None => remove(&file)?,
    }
    Ok(nats)
}

async fn run(
    node: &Node,
    (database, nats_url): (DatabaseConfig, Option<String>),
    secrets: NodeSecrets,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let recorder = baton_operations::install()?;
    let core = Core::open(&database, secrets).await?;
    baton_projections::install(&core.log, &core.pool).await?;
    let (mut followers, reads) =
        Followers::start(&core, &node.roles, &node.settings, nats_url.as_deref(), &stop).await?;
    let background = tokio::spawn(background(
        core.commands.clone(),
        node.settings.keys_kept_for,
        recorder.clone(),
    ));
    let operations = operations(&core, &node.roles, &followers, recorder, &stop);
    let services = Services {
        commands: core.commands.clone(),
        queue: Queue::new(core.commands.clone(), reads.clone()),
        duplicates: Duplicates::start(
            core.commands.history().clone(),
            reads.clone(),
            node.settings.duplicates_bytes_max,
            stop.clone(),
        ),
        reads,
        deliveries: Deliveries::new(core.request_pool.clone()),
        addresses: AddressRules::new(node.settings.allow_private_webhooks, Arc::new(SystemLookup)),
        past: Past::new(core.log.clone(), core.commands.directory().clone()),
        feed: core.feed(&stop),
        exports: Exports::new(core.request_pool.clone(), core.ledger.clone()),
        ledger: core.ledger.clone(),
        ledger_progress: followers.ledger(),
        entrance: entrance(&node.settings),
        rates: rates(&node.settings),
        fleet: node.settings.fleet,
        webhook_signature_scheme: node.settings.webhook_signature_scheme,
    };
    let serving = async {
        let served = serve_http(node, services, operations, &stop).await;
        // Also where HTTP ended by itself.
        stop.cancel();
        served
    };
    // Read models go on until the last request has its answer.
    let ending = async {
        stop.cancelled().await;
        followers.end_others().await;
    };
    let (served, ()) = tokio::join!(serving, ending);
    background.abort();
    followers.shutdown().await;
    core.log.shutdown().await;
    tracing::info!("stopped");
    served
}

/// What a node does beside requests and followers.
async fn background(
    commands: baton_commands::Commands,
    keys_kept_for: Duration,
    recorder: Recorder,
) {
    let forget = async {
        let mut every = tokio::time::interval(FORGET_KEYS_EVERY);
        loop {
            every.tick().await;
            if let Err(error) = commands.log().forget_keys(keys_kept_for).await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "cannot forget old idempotency keys");
            }
        }
    };
    tokio::join!(commands.run(), forget, recorder.keep());
}

async fn serve_http(
    Node { settings, roles, data }: &Node,
    services: Services,
    operations: Operations,
    stop: &CancellationToken,
) -> Result<(), StartError> {
    let cannot_listen = |cause| StartError::Listen { address: settings.listen, cause };
    let acceptor =
        TcpListener::bind(settings.listen).into_acceptor().await.map_err(cannot_listen)?;
    let addresses = acceptor.local_addr();
    let address = addresses.first().and_then(|address| address.as_socket_addr()).copied();
    let address = format!("http://{}", address.unwrap_or(settings.listen));
    let edge = EdgeSettings {
        body: settings.body,
        rates: rates(settings),
        origins: settings.origins.clone(),
        proxies: settings.proxies.clone(),
    };
    let server = Server::new_with_acceptor(acceptor);
    // Only now: whoever reads the address may call at once.
    write_private(&data.path().join(ADDRESS_FILE), &address)?;
    tracing::info!("listening on {address}");
    let endpoint = match roles.has(Role::Api) {
        true => baton_api::server(Arc::new(services), edge),
        false => baton_api::side_server(edge),
    };
    server
        .run_with_graceful_shutdown(
            operations.around(endpoint),
            stop.cancelled(),
            Some(DRAIN_LIMIT),
        )
        .await
        .map_err(StartError::Http)
}

/// Who comes in without a key.
fn entrance(settings: &Settings) -> Entrance {
    let Settings { require_auth, origins, listen, .. } = settings;
    if !require_auth {
        tracing::warn!(
            "whoever reaches {listen} may do everything: no credential is asked for \
             (BATON_REQUIRE_AUTH)"
        );
    }
    Entrance { require_auth: *require_auth, origins: origins.clone() }
}

fn rates(settings: &Settings) -> Rates {
    let Settings { reads_per_minute, writes_per_minute, .. } = *settings;
    Rates { reads_per_minute, writes_per_minute }
}

/// Cancelled at the first SIGINT or SIGTERM, while the second ends the process, which loses
/// nothing: both are heard from now on.
fn told_to_stop() -> CancellationToken {
    let listen = |kind| signal(kind).expect("the process may listen for signals");
    let (mut interrupt, mut terminate) =
        (listen(SignalKind::interrupt()), listen(SignalKind::terminate()));
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
        tracing::info!("stopping: requests under way are finished first; once more ends at once");
        told.cancel();
        let code = tokio::select! {
            _ = interrupt.recv() => 128 + SignalKind::interrupt().as_raw_value(),
            _ = terminate.recv() => 128 + SignalKind::terminate().as_raw_value(),
        };
        tracing::warn!("told twice: ending at once, as after a crash");
        std::process::exit(code);
    });
    stop
}

/// Removes a file that may be there: what it says is no longer true.
fn remove(path: &Path) -> Result<(), StartError> {
    match std::fs::remove_file(path) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(StartError::Remove { path: path.to_path_buf(), cause })
        }
        _ => Ok(()),
    }
}

/// Writes a small file of mode 0600, whole or not at all.
fn write_private(path: &Path, text: &str) -> Result<(), StartError> {
    use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let new = path.with_extension("new");
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| writeln!(file, "{text}").and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&new, path));
    written.map_err(|cause| StartError::Write { path: path.to_path_buf(), cause })
}
