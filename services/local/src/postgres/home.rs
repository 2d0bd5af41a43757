//! Where the private Postgres lives: its home directory, and in it the cluster and the sockets.
//!
//! Must not: delete a cluster. One that nobody can open any more is set aside.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::pid_file::PidFile;
use super::{FAST_SHUTDOWN, stop};
use crate::LocalError;
use crate::data_dir::DataDir;
use crate::owner::Owner;
use crate::process::Server;

/// Open to everybody on the way, for data directories that are not.
const OUTSIDE: &str = "/var/lib/baton";
/// A socket's path must fit into `sun_path`: 103 bytes on macOS, 107 on Linux.
const SOCKET_PATH_BYTES_MAX: usize = 103;
/// The longest name that Postgres puts into the socket directory.
const SOCKET_NAME: &str = "/.s.PGSQL.5432";

/// The home directory and the user who owns it.
#[derive(Clone, Debug)]
pub(super) struct Home {
    path: PathBuf,
    pub(super) owner: Owner,
}

impl Home {
    /// The home of this data directory: inside it where its owner can get there, else outside.
    ///
    /// The choice is made once; a link in the data directory remembers a home outside.
    pub(super) async fn of(data: &DataDir, has_password: bool) -> Result<Home, LocalError> {
        let inside = data.path().join("postgres");
        if let Ok(path) = inside.canonicalize() {
            return Home::existing(path);
        }
        if fs::symlink_metadata(&inside).is_ok() {
            // A link whose home was removed.
            fs::remove_file(&inside).map_err(LocalError::file("remove", &inside))?;
        }
        let owner = Owner::of(&inside)?;
        owner.private_dir(&inside)?;
        if owner.can_enter(&inside)? {
            return Ok(Home { path: inside, owner });
        }
        fs::remove_dir(&inside).map_err(LocalError::file("remove", &inside))?;
        let home = Home::outside(data.path(), has_password).await?;
        symlink(&home.path, &inside).map_err(LocalError::file("link", &inside))?;
        tracing::info!(
            home = %home.path.display(),
            "the user that PostgreSQL runs as cannot enter the data directory"
        );
        Ok(home)
    }

    fn existing(path: PathBuf) -> Result<Home, LocalError> {
        let owner = Owner::of(&path)?;
        owner.private_dir(&path)?;
        if !owner.can_enter(&path)? {
            return Err(LocalError::Closed { path, uid: owner.uid });
        }
        Ok(Home { path, owner })
    }

    async fn outside(data: &Path, has_password: bool) -> Result<Home, LocalError> {
        let parent = Path::new(OUTSIDE);
        let made = DirBuilder::new().recursive(true).mode(0o711).create(parent);
        made.map_err(LocalError::file("create", parent))?;
        let path = parent.join(short_hash(data));
        if path.exists() && !has_password {
            set_aside(&path).await?;
        }
        let owner = Owner::of(&path)?;
        owner.private_dir(&path)?;
        if !owner.can_enter(&path)? {
            return Err(LocalError::Closed { path, uid: owner.uid });
        }
        Ok(Home { path, owner })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn cluster(&self) -> PathBuf {
        self.path.join("cluster")
    }

    /// Where sockets go: in the home, or in /tmp where the home's path is too long for one.
    pub(super) fn sockets(&self) -> PathBuf {
        let inside = self.path.join("run");
        if inside.as_os_str().len() + SOCKET_NAME.len() <= SOCKET_PATH_BYTES_MAX {
            return inside;
        }
        Path::new("/tmp").join(format!("baton-{}", short_hash(&self.path)))
    }

    /// What is left of a start that was killed during `initdb`.
    pub(super) fn remove_drafts(&self) {
        let Ok(entries) = fs::read_dir(&self.path) else {
            return;
        };
        for entry in entries.filter_map(Result::ok) {
            if entry.file_name().to_string_lossy().starts_with("cluster.new-") {
                // An orphaned initdb may still be writing: what stays now goes next time.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// A cluster whose password went with its data directory: nobody can log in, so a new data
/// directory of the same path starts afresh beside it.
async fn set_aside(home: &Path) -> Result<(), LocalError> {
    let cluster = home.join("cluster");
    let left = PidFile::read(&cluster)?
        .and_then(|file| Server::adopted(file.pid, &cluster, FAST_SHUTDOWN));
    if let Some(mut server) = left {
        stop(&mut server).await;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let aside = home.with_extension(format!("set-aside-{since}"));
    fs::rename(home, &aside).map_err(LocalError::file("set aside", home))?;
    tracing::warn!(
        cluster = %aside.display(),
        "set aside the database of a removed data directory of the same path"
    );
    Ok(())
}

fn short_hash(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    hex::encode(&Sha256::digest(path.as_os_str().as_bytes())[..8])
}
