//! What can keep the private servers from running, one line each: `Display` says what could not
//! be done, the cause is linked as source.
//!
//! Must not: carry a password or a token.

use std::io;
use std::path::{Path, PathBuf};

/// Why local mode cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A file or directory operation failed.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was attempted, as a verb.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another baton holds the data directory.
    #[error("another baton{} is running on {}", of_process(.holder), path.display())]
    InUse {
        /// The data directory.
        path: PathBuf,
        /// The other baton's process id, where it could be read.
        holder: Option<String>,
    },
    /// No usable Postgres on this machine.
    #[error(
        "PostgreSQL is not installed: install the Debian package `postgresql`, \
         or set BATON_DATABASE_URL"
    )]
    PostgresMissing,
    /// The cluster was made by a major version that is not installed here.
    #[error(
        "the database in {} is of PostgreSQL {major}, which is not installed: \
         install the Debian package `postgresql-{major}`", cluster.display()
    )]
    PostgresVersion {
        /// The cluster directory.
        cluster: PathBuf,
        /// Its major version.
        major: u32,
    },
    /// Root may not run Postgres and there is nobody else to run it as.
    #[error("PostgreSQL cannot run as root, and there is no user `postgres` or `nobody`")]
    NoUnprivilegedUser,
    /// The cluster directory is closed to the user that Postgres runs as.
    #[error("the user that PostgreSQL runs as (uid {uid}) cannot enter {}", path.display())]
    Closed {
        /// The directory.
        path: PathBuf,
        /// The user.
        uid: u32,
    },
    /// A socket directory exists and belongs to somebody else.
    #[error("{} belongs to another user", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
    /// A program could not be started at all.
    #[error("cannot run {}", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A program ran and failed.
    #[error("{} failed: {output}", program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// The last line it wrote.
        output: String,
    },
    /// A server did not become ready in time.
    #[error("{program} (process {pid}) does not answer; its log is {}", log.display())]
    Silent {
        /// Which server.
        program: &'static str,
        /// Its process id.
        pid: i32,
        /// Where it writes its log.
        log: PathBuf,
    },
    /// The private Postgres refused a statement or a login.
    #[error("cannot {action} in the private PostgreSQL")]
    Sql {
        /// What was attempted, as a verb.
        action: &'static str,
        /// What the server said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A secret file holds nothing.
    #[error("{} is empty: put the secret back or remove the file", path.display())]
    EmptySecret {
        /// The file.
        path: PathBuf,
    },
    /// The system has no randomness to give.
    #[error("cannot draw a random secret")]
    Random {
        /// What the system said.
        #[source]
        source: getrandom::Error,
    },
}

impl LocalError {
    /// For `map_err`: the failed action on a path.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LocalError {
        let path = path.to_path_buf();
        move |source| LocalError::File { action, path, source }
    }
}

fn of_process(holder: &Option<String>) -> String {
    holder.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default()
}
