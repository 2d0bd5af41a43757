//! The private Postgres: started or adopted, reached over a socket that only its user can enter.
//!
//! Must not: listen on TCP, trust anybody without a password, or run as root.

mod home;
mod initdb;
mod pid_file;

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use crate::LocalError;
use crate::binaries::{Places, PostgresPrograms};
use crate::data_dir::DataDir;
use crate::process::{Server, TICK};
use home::Home;
use initdb::{NewCluster, SUPERUSER};
use pid_file::PidFile;

const MADE_SO_FAR: &str = include_str!("postgres/sql/made_so_far.sql");
const CREATE_ROLE: &str = include_str!("postgres/sql/create_role.sql");
const CHANGE_PASSWORD: &str = include_str!("postgres/sql/change_password.sql");
const CREATE_DATABASE: &str = include_str!("postgres/sql/create_database.sql");

const ROLE: &str = "baton";
const DATABASE: &str = "baton";
const PASSWORD_FILE: &str = "postgres.password";
const SUPERUSER_PASSWORD_FILE: &str = "postgres-superuser.password";
const PORT: u16 = 5432;
/// Postgres' fast shutdown: disconnects everybody and leaves nothing to recover.
const FAST_SHUTDOWN: Signal = Signal::SIGINT;
/// Statements that carry a password stay out of the server's log also when they fail.
const UNLOGGED: &str = "-c log_statement=none -c log_min_error_statement=panic \
                        -c log_min_duration_statement=-1";

/// A crash may leave a gigabyte of WAL to replay.
const READY_LIMIT: Duration = Duration::from_secs(300);
/// One login, when the server is well.
const LOGIN_LIMIT: Duration = Duration::from_secs(5);
/// How long backends may outlive a killed postmaster before a start over them fails.
const ORPHANS_LIMIT: Duration = Duration::from_secs(20);
/// A fast shutdown writes everything that is still in memory.
const STOP_LIMIT: Duration = Duration::from_secs(60);
const LOG_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// How the private Postgres is to run.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// `false` trades crash safety for speed: for throw-away test clusters only.
    pub durable: bool,
    /// The server's `max_connections`.
    pub connections_max: u16,
}

impl Default for PostgresSettings {
    fn default() -> Self {
        PostgresSettings { durable: true, connections_max: 100 }
    }
}

/// A running private Postgres. Dropped without [`Postgres::stop`], it is told to go, unawaited.
pub struct Postgres {
    server: Server,
    home: Home,
    log: PathBuf,
    logins: Logins,
}

struct Logins {
    superuser: String,
    baton: String,
}

impl Postgres {
    /// Starts the Postgres of `data`, or adopts the one that a killed baton left running.
    ///
    /// On return it answers, and the role and database `baton` exist.
    ///
    /// # Errors
    ///
    /// When Postgres is missing, cannot be started, or does not become ready.
    pub async fn start(data: &DataDir, settings: PostgresSettings) -> Result<Self, LocalError> {
        let places = Places::of_this_machine();
        let has_password = data.path().join(PASSWORD_FILE).exists();
        let home = Home::of(data, has_password).await?;
        let logins = Logins {
            superuser: data.secret(SUPERUSER_PASSWORD_FILE)?.value,
            baton: data.secret(PASSWORD_FILE)?.value,
        };
        let programs = programs(&places, &home.cluster())?;
        if !home.cluster().exists() {
            make_cluster(&home, &programs, &logins, settings.durable).await?;
        }
        home.owner.private_dir(&home.sockets())?;
        let log = data.path().join("postgres.log");
        let starting = Starting { home: &home, programs, settings, log: &log, logins: &logins };
        let server = starting.server().await?;
        let postgres = Postgres { server, home, log, logins };
        postgres.make_database().await?;
        tracing::info!(
            pid = postgres.pid(),
            adopted = postgres.server.is_adopted(),
            home = %postgres.home.path().display(),
            "private PostgreSQL is ready"
        );
        Ok(postgres)
    }

    /// Login of the role that owns the database `baton` and nothing else.
    #[must_use]
    pub fn config(&self) -> Config {
        login(&self.home, ROLE, &self.logins.baton, DATABASE)
    }

    /// Login of the cluster's superuser, for its keeper and for tests that tamper.
    #[must_use]
    pub fn superuser_config(&self, database: &str) -> Config {
        login(&self.home, SUPERUSER, &self.logins.superuser, database)
    }

    /// [`Postgres::config`] as a connection string.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(ROLE, &self.logins.baton, DATABASE)
    }

    /// [`Postgres::superuser_config`] as a connection string.
    #[must_use]
    pub fn superuser_url(&self, database: &str) -> String {
        self.url_of(SUPERUSER, &self.logins.superuser, database)
    }

    /// [`Postgres::url`] for another database of this cluster.
    #[must_use]
    pub fn url_for(&self, database: &str) -> String {
        self.url_of(ROLE, &self.logins.baton, database)
    }

    /// The postmaster's process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.server.pid()
    }

    /// Whether it was found running rather than started.
    #[must_use]
    pub fn is_adopted(&self) -> bool {
        self.server.is_adopted()
    }

    /// Whether the server still runs.
    pub fn is_alive(&mut self) -> bool {
        self.server.alive()
    }

    /// The directory that holds cluster and sockets.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Disconnects everybody, makes all durable and waits until the server is gone.
    pub async fn stop(mut self) {
        stop(&mut self.server).await;
        let sockets = self.home.sockets();
        if !sockets.starts_with(self.home.path()) {
            // Empty by now; where it is not, the next start cleans up.
            let _ = fs::remove_dir(sockets);
        }
    }

    /// Ends the server as a crash would, and waits until it is gone.
    pub async fn kill(mut self) {
        self.server.signal(Signal::SIGKILL);
        self.server.gone(STOP_LIMIT).await;
    }

    async fn make_database(&self) -> Result<(), LocalError> {
        let sql = |action| move |source| LocalError::Sql { action, source };
        let mut config = self.superuser_config(SUPERUSER);
        let client = connect(config.options(UNLOGGED)).await.map_err(sql("log in"))?;
        let made = client.query_one(MADE_SO_FAR, &[]).await.map_err(sql("look around"))?;
        let password = &self.logins.baton;
        if !made.get::<_, bool>("role") {
            run_built(&client, CREATE_ROLE, password).await.map_err(sql("create a role"))?;
        }
        if !made.get::<_, bool>("database") {
            client.batch_execute(CREATE_DATABASE).await.map_err(sql("create a database"))?;
        }
        match connect(&self.config()).await {
            Ok(_) => Ok(()),
            // The secret file was replaced by hand.
            Err(cause) if cause.code() == Some(&SqlState::INVALID_PASSWORD) => {
                run_built(&client, CHANGE_PASSWORD, password).await.map_err(sql("set a password"))
            }
            Err(source) => Err(LocalError::Sql { action: "log in", source }),
        }
    }

    fn url_of(&self, user: &str, password: &str, database: &str) -> String {
        let host = quoted(&self.home.sockets().to_string_lossy());
        let password = quoted(password);
        format!("host={host} port={PORT} user={user} password={password} dbname={database}")
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = out.debug_struct("Postgres");
        out.field("server", &self.server).field("home", &self.home).field("log", &self.log);
        out.finish_non_exhaustive()
    }
}

/// A start under way.
struct Starting<'a> {
    home: &'a Home,
    programs: PostgresPrograms,
    settings: PostgresSettings,
    log: &'a Path,
    logins: &'a Logins,
}

/// What became of a server that was waited for.
enum Fate {
    Answers,
    Gone,
    /// It lives, but its socket was removed, by a cleaner of /tmp for example.
    Unreachable,
}

impl Starting<'_> {
    async fn server(&self) -> Result<Server, LocalError> {
        let end = Instant::now() + ORPHANS_LIMIT;
        loop {
            if let Some(server) = self.left_behind().await? {
                return Ok(server);
            }
            let mut server = self.spawn()?;
            match self.fate(&mut server).await? {
                Fate::Answers => return Ok(server),
                Fate::Gone => (),
                Fate::Unreachable => stop(&mut server).await,
            }
            // It gave way to a server that a killed baton had only just started, or to the
            // backends of a killed server, which end on their own within moments.
            let gave_way = PidFile::read(&self.home.cluster())?.is_some();
            if !gave_way || Instant::now() >= end {
                let output = last_line(self.log);
                return Err(LocalError::Failed { program: self.programs.postgres(), output });
            }
            tokio::time::sleep(10 * TICK).await;
        }
    }

    /// The living server of this cluster, if a killed baton left one behind.
    async fn left_behind(&self) -> Result<Option<Server>, LocalError> {
        let cluster = self.home.cluster();
        let Some(file) = PidFile::read(&cluster)? else {
            return Ok(None);
        };
        let Some(mut server) = Server::adopted(file.pid, &cluster, FAST_SHUTDOWN) else {
            if file.is_torn() || pid_in_use(file.pid) {
                file.disown(&cluster, self.home.owner)?;
            }
            return Ok(None);
        };
        match self.fate(&mut server).await? {
            Fate::Answers => Ok(Some(server)),
            Fate::Gone => Ok(None),
            Fate::Unreachable => {
                tracing::warn!(pid = server.pid(), "restarting PostgreSQL, whose socket is gone");
                stop(&mut server).await;
                Ok(None)
            }
        }
    }

    fn spawn(&self) -> Result<Server, LocalError> {
        self.sweep_sockets()?;
        let program = self.programs.postgres();
        let log = open_log(self.log).map_err(LocalError::file("open", self.log))?;
        let errors = log.try_clone().map_err(LocalError::file("open", self.log))?;
        let cluster = self.home.cluster();
        let mut command = self.home.owner.command(&program);
        command.arg("-D").arg(&cluster);
        for setting in self.server_settings() {
            command.arg("-c").arg(setting);
        }
        let spawned = command.stdout(log).stderr(errors).spawn();
        let child = spawned.map_err(|source| LocalError::Spawn { program, source })?;
        Ok(Server::spawned(child, &cluster, FAST_SHUTDOWN))
    }

    fn server_settings(&self) -> Vec<OsString> {
        let durable = if self.settings.durable { "on" } else { "off" };
        // The value is a list: quotes keep a comma or a space inside one path.
        let mut sockets = OsString::from("unix_socket_directories=\"");
        sockets.push(self.home.sockets());
        sockets.push("\"");
        let mut settings = vec![sockets];
        settings.extend(
            [
                "listen_addresses=".to_owned(),
                "unix_socket_permissions=0700".to_owned(),
                format!("port={PORT}"),
                format!("max_connections={}", self.settings.connections_max),
                format!("fsync={durable}"),
                format!("full_page_writes={durable}"),
                format!("synchronous_commit={durable}"),
                "timezone=UTC".to_owned(),
                "log_timezone=UTC".to_owned(),
                "cluster_name=baton".to_owned(),
            ]
            .map(OsString::from),
        );
        settings
    }

    /// Waits until the server takes logins, or will not.
    async fn fate(&self, server: &mut Server) -> Result<Fate, LocalError> {
        let login = login(self.home, SUPERUSER, &self.logins.superuser, SUPERUSER);
        let end = Instant::now() + READY_LIMIT;
        loop {
            if !server.alive() {
                return Ok(Fate::Gone);
            }
            match timeout(LOGIN_LIMIT, connect(&login)).await {
                Ok(Ok(_)) => return Ok(Fate::Answers),
                // Starting up, replaying or shutting down: it will be one or the other.
                Ok(Err(cause)) if cause.code() == Some(&SqlState::CANNOT_CONNECT_NOW) => (),
                Ok(Err(source)) if source.code().is_some() => {
                    return Err(LocalError::Sql { action: "log in", source });
                }
                Ok(Err(_)) if self.has_lost_its_socket(server.pid())? => {
                    return Ok(Fate::Unreachable);
                }
                Ok(Err(_)) | Err(_) => (),
            }
            if Instant::now() >= end {
                let (pid, log) = (server.pid(), self.log.to_path_buf());
                return Err(LocalError::Silent { program: "PostgreSQL", pid, log });
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Removes a dead server's socket and its lock, which names a pid that may live again.
    ///
    /// Nobody else can have made one there: the directory is its user's alone, and the data
    /// directory is ours alone.
    fn sweep_sockets(&self) -> Result<(), LocalError> {
        for name in [format!(".s.PGSQL.{PORT}"), format!(".s.PGSQL.{PORT}.lock")] {
            let path = self.home.sockets().join(name);
            match fs::remove_file(&path) {
                Err(cause) if cause.kind() != ErrorKind::NotFound => {
                    return Err(LocalError::file("remove", &path)(cause));
                }
                _ => (),
            }
        }
        Ok(())
    }

    fn has_lost_its_socket(&self, pid: i32) -> Result<bool, LocalError> {
        let file = PidFile::read(&self.home.cluster())?;
        // A starting server leaves its dead predecessor's file in place for a moment.
        let ready = file.is_some_and(|file| file.pid == pid && file.ready);
        let socket = self.home.sockets().join(format!(".s.PGSQL.{PORT}"));
        Ok(ready && !socket.exists())
    }
}

fn programs(places: &Places, cluster: &Path) -> Result<PostgresPrograms, LocalError> {
    let path = cluster.join("PG_VERSION");
    let major = fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
    places.postgres(major.map(|major| (cluster, major)))
}

async fn make_cluster(
    home: &Home,
    programs: &PostgresPrograms,
    logins: &Logins,
    durable: bool,
) -> Result<(), LocalError> {
    tracing::info!(home = %home.path().display(), major = programs.major, "making a database");
    let (home, initdb, password) = (home.clone(), programs.initdb(), logins.superuser.clone());
    let made = tokio::task::spawn_blocking(move || {
        NewCluster { home: &home, initdb, password: &password, durable }.make()
    });
    made.await.expect("making a cluster does not panic")
}

fn login(home: &Home, user: &str, password: &str, database: &str) -> Config {
    let mut config = Config::new();
    config.host_path(home.sockets()).port(PORT).user(user).password(password).dbname(database);
    config
}

async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    // Ends with the client; its failure shows in the client's calls.
    tokio::spawn(connection);
    Ok(client)
}

async fn run_built(client: &Client, sql: &str, value: &str) -> Result<(), tokio_postgres::Error> {
    let statement: String = client.query_one(sql, &[&value]).await?.get(0);
    client.batch_execute(&statement).await
}

async fn stop(server: &mut Server) {
    if !server.go(STOP_LIMIT).await {
        tracing::warn!(pid = server.pid(), "PostgreSQL is slow to stop; it recovers at next start");
        server.signal(Signal::SIGQUIT);
        server.gone(STOP_LIMIT).await;
    }
}

fn pid_in_use(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH)
}

fn open_log(path: &Path) -> std::io::Result<fs::File> {
    if fs::metadata(path).is_ok_and(|meta| meta.len() > LOG_BYTES_MAX) {
        fs::rename(path, path.with_extension("log.1"))?;
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

fn last_line(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let fatal = text.lines().rev().find(|line| line.contains("FATAL"));
    fatal.or(text.lines().next_back()).unwrap_or("no output").to_owned()
}

/// A value of a connection string.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}
