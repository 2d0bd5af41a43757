//! The backup tools of Postgres itself, as the manual tells operators to use them.
//!
//! Must not: know what is backed up.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use baton_local::DataDir;
use tokio::process::Command;

use crate::postgres::Database;

/// Where Debian keeps them, by version.
const HOMES: &str = "/usr/lib/postgresql";

/// Dumps a database into a file, in `pg_dump`'s custom format.
///
/// # Panics
///
/// When the tool is missing or fails.
pub async fn dump(database: &Database, file: &Path) {
    let mut command = tool("pg_dump");
    command.args(["--format=custom", "--file"]).arg(file).arg(&database.url);
    run(command).await;
}

/// Restores a dump into an empty database, as the role that owns it.
///
/// # Panics
///
/// When the tool is missing or fails.
pub async fn restore(file: &Path, database: &Database) {
    let mut command = tool("pg_restore");
    command.args(["--no-owner", "--exit-on-error", "--dbname"]).arg(&database.url).arg(file);
    run(command).await;
}

/// Copies the running cluster at `home`, reached at `url`, to where `data` keeps its own.
pub(crate) async fn base(home: &Path, url: &str, data: &DataDir) {
    let owner = fs::metadata(home.join("cluster")).expect("the cluster's directory");
    let to = data.path().join("postgres");
    fs::create_dir(&to).expect("a home for the copy");
    let cluster = to.join("cluster");
    let mut command = tool("pg_basebackup");
    command.args(["--checkpoint=fast", "--wal-method=stream", "--pgdata"]).arg(&cluster);
    command.args(["--dbname", url]);
    run(command).await;
    give(&to, owner.uid(), owner.gid());
}

/// Everything in it, too: the server does not run as the one who copied.
fn give(path: &Path, uid: u32, gid: u32) {
    chown(path, Some(uid), Some(gid)).expect("a change of owner");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a directory").flatten() {
            give(&entry.path(), uid, gid);
        }
    }
}

/// A program of the newest Postgres that is installed, such as `pgbench`.
#[must_use]
pub fn tool(name: &str) -> Command {
    let versions = fs::read_dir(HOMES).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions
        .map(|version| version.path().join("bin").join(name))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    Command::new(found.pop().unwrap_or_else(|| name.into()))
}

async fn run(mut command: Command) {
    let output = command.stdin(Stdio::null()).output().await.expect("the tool is installed");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
}
