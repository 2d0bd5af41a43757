//! The real `baton` binary as a process of its own: started, stopped, frozen and killed.
//!
//! Must not: reach into it other than as its operator and its clients do.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::nats::Nats;
use crate::place::Place;
use crate::postgres::Database;
use crate::wait_for;

/// The project token of every test's Baton.
pub const PROJECT_TOKEN: &str = "project-token-of-the-tests";
/// The master key of every test's Baton: 32 bytes in hexadecimal.
pub const MASTER_KEY: &str = "6d61737465722d6b65792d6f662d7468652d74657374732d2d2d2d2d2d2d2d2d";
/// The key of the ledger of every test's Baton: 32 bytes in hexadecimal.
pub const LEDGER_KEY: &str = "6c65646765722d6b65792d6f662d7468652d74657374732d2d2d2d2d2d2d2d2d";

/// Local mode makes a database first.
const READY_LIMIT: Duration = Duration::from_secs(120);
const STOP_LIMIT: Duration = Duration::from_secs(60);
const LOG_LINES_SHOWN: usize = 60;
/// What a program needs of the environment; the developer's own settings stay out.
const INHERITED: [&str; 4] = ["PATH", "HOME", "TMPDIR", "BATON_LOG"];

/// How a Baton is to be started.
#[derive(Clone, Debug)]
pub struct Builder {
    program: Option<PathBuf>,
    settings: BTreeMap<String, OsString>,
    arguments: Vec<String>,
}

/// A Baton process, killed when the test ends.
#[derive(Debug)]
pub struct Baton {
    /// Another binary than the one beside the running program.
    program: Option<PathBuf>,
    settings: BTreeMap<String, OsString>,
    /// Of `baton serve`.
    arguments: Vec<String>,
    address: String,
    /// `None` while it is down.
    child: Option<Child>,
    place: Place,
}

impl Builder {
    /// Local mode: it starts a Postgres and a nats-server of its own.
    #[must_use]
    pub fn local() -> Builder {
        Builder { program: None, settings: BTreeMap::new(), arguments: Vec::new() }
            .env("BATON_LISTEN", "127.0.0.1:0")
            .env("BATON_PROJECT_TOKEN", PROJECT_TOKEN)
            .env("BATON_MASTER_KEY", MASTER_KEY)
            .env("BATON_LEDGER_KEY", LEDGER_KEY)
            .env("BATON_ALLOW_PRIVATE_WEBHOOKS", "true")
            .env("BATON_RATE_LIMIT_READS_PER_MINUTE", "0")
            .env("BATON_RATE_LIMIT_WRITES_PER_MINUTE", "0")
    }

    /// A node on this database and this NATS.
    #[must_use]
    pub fn on(database: &Database, nats: &Nats) -> Builder {
        Builder::local().env("BATON_DATABASE_URL", &database.url).env("BATON_NATS_URL", &nats.url)
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Builder {
        self.settings.insert(name.to_owned(), value.into());
        self
    }

    /// Only these roles, such as `projector,relay`.
    #[must_use]
    pub fn roles(mut self, roles: &str) -> Builder {
        self.arguments = vec!["--roles".to_owned(), roles.to_owned()];
        self
    }

    /// This binary, not the one beside the running program.
    #[must_use]
    pub fn program(mut self, binary: PathBuf) -> Builder {
        self.program = Some(binary);
        self
    }

    /// Leaves a variable unset.
    #[must_use]
    pub fn without(mut self, name: &str) -> Builder {
        self.settings.remove(name);
        self
    }

    /// Starts it and waits until it listens.
    ///
    /// # Panics
    ///
    /// When the binary is not built, or ends instead of listening; its log is shown.
    pub async fn start(self) -> Baton {
        let place = Place::new();
        let data = place.path().join("data");
        let mut baton = self.env("BATON_DATA_DIR", data).at(place);
        baton.start().await;
        baton
    }

    /// Starts it where it is to refuse: its exit status and what it said.
    ///
    /// # Panics
    ///
    /// When the binary is not built, or goes on running.
    pub async fn refusal(self) -> (ExitStatus, String) {
        let place = Place::new();
        let data = place.path().join("data");
        // A test of the data directory itself brings its own.
        let mut baton = self.at(place);
        baton.settings.entry("BATON_DATA_DIR".to_owned()).or_insert_with(|| data.into());
        baton.spawn();
        let status = baton.exit_status("it refuses to start").await;
        (status, baton.log())
    }

    /// A process that is down.
    fn at(self, place: Place) -> Baton {
        let Builder { program, settings, arguments } = self;
        Baton { program, settings, arguments, address: String::new(), child: None, place }
    }
}

impl Baton {
    /// A node on this database and this NATS.
    ///
    /// # Panics
    ///
    /// As [`Builder::start`].
    pub async fn on(database: &Database, nats: &Nats) -> Baton {
        Builder::on(database, nats).start().await
    }

    /// Where it listens, such as `http://127.0.0.1:41234`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its `BATON_DATA_DIR`.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.place.path().join("data")
    }

    /// Everything that it has written to stdout and stderr, over all its starts.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its process id.
    ///
    /// # Panics
    ///
    /// When it is down.
    #[must_use]
    pub fn pid(&self) -> i32 {
        let child = self.child.as_ref().expect("baton is up");
        i32::try_from(child.id()).expect("a process id is an i32")
    }

    /// Ends it at this instant, wherever it is. Without effect while it is down.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already; the wait tells either way.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops time for it.
    ///
    /// # Panics
    ///
    /// When it is down.
    pub fn sigstop(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Ends [`Baton::sigstop`].
    ///
    /// # Panics
    ///
    /// When it is down.
    pub fn sigcont(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Asks it to go, waits until it has drained and gone, and gives its exit status.
    ///
    /// # Panics
    ///
    /// When it is down, or does not go.
    pub async fn stop(&mut self) -> ExitStatus {
        self.sigterm();
        self.gone().await
    }

    /// Asks it to go.
    ///
    /// # Panics
    ///
    /// When it is down.
    pub fn sigterm(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Waits until it has gone, and gives its exit status.
    ///
    /// # Panics
    ///
    /// When it is down, or does not go.
    pub async fn gone(&mut self) -> ExitStatus {
        self.exit_status("it stops").await
    }

    /// Up again at the same address, with the same settings; after a kill when it is up.
    ///
    /// # Panics
    ///
    /// As [`Builder::start`].
    pub async fn restart(&mut self) {
        self.kill9();
        self.settings.insert("BATON_LISTEN".to_owned(), self.address.clone().into());
        self.start().await;
    }

    /// Changes a variable for the next [`Baton::restart`].
    pub fn set_env(&mut self, name: &str, value: impl Into<OsString>) {
        self.settings.insert(name.to_owned(), value.into());
    }

    /// Runs `baton` with these arguments and this node's settings, as its operator beside it.
    ///
    /// # Panics
    ///
    /// When the binary is not built.
    pub async fn command(&self, arguments: &[&str]) -> Output {
        let mut command = self.binary();
        command.args(arguments);
        let run = tokio::task::spawn_blocking(move || command.output());
        run.await.expect("a run is not cancelled").expect("the baton binary runs")
    }

    async fn start(&mut self) {
        let file = self.data_dir().join("address");
        // The last start's address would be taken for this one's.
        let _ = fs::remove_file(&file);
        self.spawn();
        self.address = wait_for(READY_LIMIT, "baton listens", async || {
            let listening = fs::read_to_string(&file).ok().filter(|text| !text.trim().is_empty());
            let ended =
                self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            assert!(!ended, "baton ended instead of listening\n{}", self.last_lines());
            listening.map(|text| text.trim().trim_start_matches("http://").to_owned())
        })
        .await;
    }

    fn spawn(&mut self) {
        let log = OpenOptions::new().create(true).append(true).open(self.log_file());
        let log = log.expect("a log file");
        let errors = log.try_clone().expect("a second handle of the log");
        let mut command = self.binary();
        command.arg("serve").args(&self.arguments).stdout(log).stderr(errors);
        self.child = Some(command.spawn().expect("the baton binary runs"));
    }

    /// The binary with this node's settings, to be run beside it.
    #[must_use]
    pub fn binary(&self) -> Command {
        let mut command = Command::new(self.program.clone().unwrap_or_else(binary));
        command.current_dir(self.place.path()).env_clear().stdin(Stdio::null());
        for name in INHERITED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(&self.settings);
        command
    }

    async fn exit_status(&mut self, what: &str) -> ExitStatus {
        let child = self.child.as_mut().expect("baton is up");
        let status = wait_for(STOP_LIMIT, what, async || child.try_wait().ok().flatten()).await;
        self.child = None;
        status
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("baton takes a signal");
    }

    fn log_file(&self) -> PathBuf {
        self.place.path().join("baton.log")
    }

    fn last_lines(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
        shown.iter().fold(String::new(), |mut text, line| {
            writeln!(text, "  baton| {line}").expect("text takes text");
            text
        })
    }
}

impl Drop for Baton {
    #[expect(clippy::print_stderr, reason = "the log of a failed test belongs into its output")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.last_lines());
        }
        self.kill9();
    }
}

/// The binary beside the running program: a test is in `target/<profile>/deps`, a program one
/// above.
///
/// # Panics
///
/// When it is not built.
#[must_use]
pub fn binary() -> PathBuf {
    let program = std::env::current_exe().expect("a running program has a path");
    let mut beside = program.ancestors().skip(1).take(2).map(|folder| folder.join("baton"));
    beside.find(|binary| binary.is_file()).unwrap_or_else(|| {
        panic!("baton is not beside {}: `cargo build --workspace --bins`", program.display())
    })
}
