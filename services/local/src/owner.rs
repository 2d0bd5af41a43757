//! Whom Postgres runs as: ourselves, or an unprivileged user when we are root.
//!
//! Must not: give a directory away that it did not make.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::{User, getegid, geteuid};

use crate::LocalError;
use crate::process::detached;

const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// A user to run a server as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    gid: u32,
}

/// The user of this process.
pub(crate) fn ourselves() -> Owner {
    Owner { uid: geteuid().as_raw(), gid: getegid().as_raw() }
}

impl Owner {
    /// The owner of `home` where it exists already, so that a cluster never changes hands.
    pub(crate) fn of(home: &Path) -> Result<Owner, LocalError> {
        if !geteuid().is_root() {
            return Ok(Owner { uid: geteuid().as_raw(), gid: getegid().as_raw() });
        }
        match fs::metadata(home) {
            Ok(meta) if meta.uid() != 0 => {
                return Ok(Owner { uid: meta.uid(), gid: meta.gid() });
            }
            Ok(_) => (),
            Err(cause) if cause.kind() == ErrorKind::NotFound => (),
            Err(cause) => return Err(LocalError::file("read", home)(cause)),
        }
        let user = UNPRIVILEGED.iter().find_map(|name| User::from_name(name).ok().flatten());
        let user = user.ok_or(LocalError::NoUnprivilegedUser)?;
        Ok(Owner { uid: user.uid.as_raw(), gid: user.gid.as_raw() })
    }

    /// A detached command of this user.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = detached(program);
        if geteuid().is_root() {
            // Std also drops the supplementary groups when it changes the user as root.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// A directory that only this user (and root) can enter; made where it is missing.
    pub(crate) fn private_dir(&self, path: &Path) -> Result<(), LocalError> {
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => self.own(path)?,
            Err(cause) if cause.kind() == ErrorKind::AlreadyExists => (),
            Err(cause) => return Err(LocalError::file("create", path)(cause)),
        }
        // Not following a link: in /tmp anybody may have made one.
        let mut meta = fs::symlink_metadata(path).map_err(LocalError::file("read", path))?;
        if meta.is_dir() && geteuid().is_root() && meta.uid() == 0 {
            // We were killed between making and giving it.
            self.own(path)?;
            meta = fs::symlink_metadata(path).map_err(LocalError::file("read", path))?;
        }
        if !meta.is_dir() || meta.uid() != self.uid {
            return Err(LocalError::Foreign { path: path.to_path_buf() });
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
            .map_err(LocalError::file("close", path))
    }

    /// Gives a path that we just made to this user.
    pub(crate) fn own(&self, path: &Path) -> Result<(), LocalError> {
        if geteuid().is_root() {
            chown(path, Some(self.uid), Some(self.gid)).map_err(LocalError::file("hand", path))?;
        }
        Ok(())
    }

    /// Whether this user can enter `directory`: the kernel is asked, not the mode bits.
    pub(crate) fn can_enter(&self, directory: &Path) -> Result<bool, LocalError> {
        let nothing = Path::new("true");
        match self.command(nothing).current_dir(directory).status() {
            Ok(_) => Ok(true),
            Err(cause) if cause.kind() == ErrorKind::PermissionDenied => Ok(false),
            Err(source) => Err(LocalError::Spawn { program: nothing.to_path_buf(), source }),
        }
    }
}
