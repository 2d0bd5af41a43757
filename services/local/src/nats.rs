//! The private nats-server with JetStream: started or adopted, on a loopback port, by token.
//!
//! Must not: be needed. Where there is no nats-server, local mode goes without.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::LocalError;
use crate::binaries::Places;
use crate::data_dir::DataDir;
use crate::owner::ourselves;
use crate::process::{Server, TICK, detached};
use crate::secret::write_new;

const TOKEN_FILE: &str = "nats.token";
/// A task with full metadata and context is near nats-server's own limit of one megabyte.
const PAYLOAD_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A large stream is read through at start.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// One handshake, when the server is well.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(2);
/// How long a server that a killed baton left behind may take to answer.
const ADOPT_LIMIT: Duration = Duration::from_secs(10);
const STOP_LIMIT: Duration = Duration::from_secs(10);
const LOG_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A running private nats-server. Dropped without [`Nats::stop`], it is told to go, unawaited.
pub struct Nats {
    server: Server,
    home: PathBuf,
    port: u16,
    token: String,
}

impl Nats {
    /// Starts the nats-server of `data`, or adopts the one that a killed baton left running.
    ///
    /// `None` where nats-server is not installed, which is logged as one line.
    ///
    /// # Errors
    ///
    /// When it is there but cannot be started or does not become ready.
    pub async fn start(data: &DataDir) -> Result<Option<Nats>, LocalError> {
        Nats::start_at(data, None).await
    }

    /// [`Nats::start`] on a given port, for whoever restarts a server that has clients.
    ///
    /// # Errors
    ///
    /// As [`Nats::start`]; also when the port is taken.
    pub async fn start_at(data: &DataDir, port: Option<u16>) -> Result<Option<Nats>, LocalError> {
        let home = data.path().join("nats");
        ourselves().private_dir(&home)?;
        let token = data.secret(TOKEN_FILE)?.value;
        let starting = Starting { home: &home, token: &token };
        let (server, port) = match starting.left_behind().await? {
            Some(found) => found,
            None => {
                let Some(program) = Places::of_this_machine().nats_server() else {
                    tracing::warn!(
                        "nats-server is not installed: going without NATS \
                         (install the Debian package `nats-server`, or set BATON_NATS_URL)"
                    );
                    return Ok(None);
                };
                starting.launch(&program, port).await?
            }
        };
        let adopted = server.is_adopted();
        tracing::info!(pid = server.pid(), adopted, port, "private nats-server is ready");
        Ok(Some(Nats { server, home, port, token }))
    }

    /// The server's address, with the token that opens it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}@127.0.0.1:{}", self.token, self.port)
    }

    /// The loopback port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where JetStream keeps its streams.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.home.join("store")
    }

    /// The server's process id.
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

    /// Stops the server and waits until it is gone.
    pub async fn stop(mut self) {
        stop(&mut self.server).await;
    }

    /// Ends the server as a crash would, and waits until it is gone.
    pub async fn kill(mut self) {
        self.server.signal(Signal::SIGKILL);
        self.server.gone(STOP_LIMIT).await;
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = out.debug_struct("Nats");
        out.field("server", &self.server).field("port", &self.port).finish_non_exhaustive()
    }
}

/// A start under way.
struct Starting<'a> {
    home: &'a Path,
    token: &'a str,
}

impl Starting<'_> {
    /// The living server of this directory, if a killed baton left one behind.
    async fn left_behind(&self) -> Result<Option<(Server, u16)>, LocalError> {
        let path = self.pid_file();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(LocalError::file("read", &path)(cause)),
        };
        let pid = text.trim().parse().unwrap_or(0);
        let Some(mut server) = Server::adopted(pid, &self.config_file(), Signal::SIGTERM) else {
            return Ok(None);
        };
        if let Some(port) = self.answering_port(&mut server, ADOPT_LIMIT).await {
            return Ok(Some((server, port)));
        }
        tracing::warn!(pid, "replacing a nats-server that does not answer");
        stop(&mut server).await;
        Ok(None)
    }

    async fn launch(&self, program: &Path, port: Option<u16>) -> Result<(Server, u16), LocalError> {
        self.sweep()?;
        let config = self.config_file();
        write_new(&config, &self.config())?;
        let log = self.home.join("nats.log");
        let mut command = detached(program);
        command.arg("--config").arg(&config);
        command.args(["--addr", "127.0.0.1", "--port"]);
        // The server takes -1 for "any free one", and tells which in its ports file.
        command.arg(port.map_or("-1".to_owned(), |port| port.to_string()));
        command.arg("--jetstream").arg("--store_dir").arg(self.home.join("store"));
        command.arg("--ports_file_dir").arg(self.home);
        command.arg("--log").arg(&log).arg("--log_size_limit").arg(LOG_BYTES_MAX.to_string());
        let output = open_private(&self.home.join("nats.out"));
        let output = output.map_err(LocalError::file("write", self.home))?;
        let errors = output.try_clone().map_err(LocalError::file("write", self.home))?;
        let child = command.stdout(output).stderr(errors).spawn();
        let child =
            child.map_err(|source| LocalError::Spawn { program: program.to_path_buf(), source })?;
        let mut server = Server::spawned(child, &config, Signal::SIGTERM);
        // By us, at once: killed before the server got round to it, we would start a second one
        // on the same store next time.
        write_new(&self.pid_file(), &server.pid().to_string())?;
        if let Some(port) = self.answering_port(&mut server, READY_LIMIT).await {
            return Ok((server, port));
        }
        if server.alive() {
            let pid = server.pid();
            stop(&mut server).await;
            return Err(LocalError::Silent { program: "nats-server", pid, log });
        }
        Err(LocalError::Failed { program: program.to_path_buf(), output: self.last_words() })
    }

    /// The port on which the server answers to our token; `None` when it is gone or silent.
    async fn answering_port(&self, server: &mut Server, limit: Duration) -> Option<u16> {
        let end = Instant::now() + limit;
        while server.alive() && Instant::now() < end {
            if let Some(port) = self.told_port(server.pid())
                && let Ok(Ok(true)) = timeout(HANDSHAKE_LIMIT, handshake(port, self.token)).await
            {
                return Some(port);
            }
            tokio::time::sleep(TICK).await;
        }
        None
    }

    /// What the server wrote into its ports file: `{"nats":["nats://127.0.0.1:4222"]}`.
    fn told_port(&self, pid: i32) -> Option<u16> {
        let file = self.home.join(format!("nats-server_{pid}.ports"));
        let ports: serde_json::Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
        ports["nats"][0].as_str()?.rsplit_once(':')?.1.parse().ok()
    }

    /// Removes what dead servers left: a pid file or ports file of a reused pid would mislead.
    fn sweep(&self) -> Result<(), LocalError> {
        let failed = |action| LocalError::file(action, self.home);
        for entry in fs::read_dir(self.home).map_err(failed("read"))? {
            let entry = entry.map_err(failed("read"))?;
            let name = entry.file_name();
            if name == "nats.pid" || name.to_string_lossy().ends_with(".ports") {
                fs::remove_file(entry.path()).map_err(failed("clean"))?;
            }
        }
        Ok(())
    }

    fn config(&self) -> String {
        format!("authorization {{ token: \"{}\" }}\nmax_payload: {PAYLOAD_BYTES_MAX}", self.token)
    }

    fn config_file(&self) -> PathBuf {
        self.home.join("nats.conf")
    }

    fn pid_file(&self) -> PathBuf {
        self.home.join("nats.pid")
    }

    /// Why the server ended: its log, or its output where it did not get as far as a log.
    fn last_words(&self) -> String {
        let words = ["nats.out", "nats.log"].into_iter().find_map(|name| {
            let text = fs::read_to_string(self.home.join(name)).ok()?;
            text.lines().next_back().map(str::to_owned)
        });
        words.unwrap_or_else(|| "no output".to_owned())
    }
}

/// Whether a server with JetStream lives there and takes our token.
async fn handshake(port: u16, token: &str) -> io::Result<bool> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = BufReader::new(TcpStream::connect(address).await?);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    if !line.starts_with("INFO ") || !line.contains("\"jetstream\":true") {
        return Ok(false);
    }
    let connect = format!(
        "CONNECT {{\"auth_token\":\"{token}\",\"verbose\":false,\"pedantic\":false,\
         \"lang\":\"rust\",\"version\":\"1\"}}\r\nPING\r\n"
    );
    stream.get_mut().write_all(connect.as_bytes()).await?;
    line.clear();
    stream.read_line(&mut line).await?;
    Ok(line.trim() == "PONG")
}

async fn stop(server: &mut Server) {
    if !server.go(STOP_LIMIT).await {
        tracing::warn!(pid = server.pid(), "nats-server does not stop; killing it");
        server.signal(Signal::SIGKILL);
        server.gone(STOP_LIMIT).await;
    }
}

fn open_private(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)
}
