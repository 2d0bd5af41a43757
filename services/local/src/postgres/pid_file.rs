//! `postmaster.pid`: who runs, or ran, on a cluster.
//!
//! Must not: remove the file. It carries Postgres' own interlock against orphaned backends.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::LocalError;
use crate::owner::Owner;

/// The line of `postmaster.pid` that tells the server's status.
const STATUS_LINE: usize = 7;

/// What the file says.
#[derive(Debug)]
pub(super) struct PidFile {
    pub(super) pid: i32,
    /// Whether the server says that it takes connections.
    pub(super) ready: bool,
    text: String,
}

impl PidFile {
    /// The file of `cluster`, if there is one.
    pub(super) fn read(cluster: &Path) -> Result<Option<PidFile>, LocalError> {
        let path = place(cluster);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(LocalError::file("read", &path)(cause)),
        };
        let pid = text.lines().next().and_then(|line| line.trim().parse().ok()).unwrap_or(0);
        let ready = text.lines().nth(STATUS_LINE).is_some_and(|line| line.trim() == "ready");
        Ok(Some(PidFile { pid, ready, text }))
    }

    /// Whether a crash cut it off before it named a process, over which Postgres will not start.
    pub(super) fn is_torn(&self) -> bool {
        self.pid == 0
    }

    /// Names this process in place of a stranger that got the dead server's process id.
    ///
    /// Postgres refuses to start over a living pid, except its parent's, which we are. All other
    /// lines stay, so it still refuses while a backend of the dead server holds shared memory.
    pub(super) fn disown(&self, cluster: &Path, owner: Owner) -> Result<(), LocalError> {
        let rest = self.text.split_once('\n').map(|(_, rest)| rest).unwrap_or_default();
        let draft = cluster.join("postmaster.pid.new");
        let write = || {
            match fs::remove_file(&draft) {
                Err(cause) if cause.kind() != ErrorKind::NotFound => return Err(cause),
                _ => (),
            }
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
            write!(file, "{}\n{rest}", std::process::id())
        };
        write().map_err(LocalError::file("write", &draft))?;
        owner.own(&draft)?;
        fs::rename(&draft, place(cluster)).map_err(LocalError::file("replace", &place(cluster)))
    }
}

fn place(cluster: &Path) -> PathBuf {
    cluster.join("postmaster.pid")
}
