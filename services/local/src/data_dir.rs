//! The data directory: one baton at a time, held by a lock that dies with its process.
//!
//! Must not: change the mode of a directory it did not make.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::LocalError;
use crate::secret::{Secret, random_token, secret_file};

/// Passable for the user that Postgres runs as, readable for the owner only.
const DATA_DIR_MODE: u32 = 0o711;

/// A data directory that this process holds, alone, until the value is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    lock: File,
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // Closing alone would not give it back while a child that is just being started still
        // has a copy of the open file. Where this fails, closing does it soon.
        let _closed_next = self.lock.unlock();
    }
}

impl DataDir {
    /// Makes the directory where it is missing and takes it for this process.
    ///
    /// # Errors
    ///
    /// [`LocalError::InUse`] while another baton holds it; else when it cannot be made or locked.
    pub fn open(path: &Path) -> Result<DataDir, LocalError> {
        if !path.is_dir() {
            DirBuilder::new()
                .recursive(true)
                .mode(DATA_DIR_MODE)
                .create(path)
                .map_err(LocalError::file("create", path))?;
            // The process' umask may have taken the passage away.
            fs::set_permissions(path, fs::Permissions::from_mode(DATA_DIR_MODE))
                .map_err(LocalError::file("create", path))?;
        }
        let path = path.canonicalize().map_err(LocalError::file("open", path))?;
        let lock = lock(&path)?;
        Ok(DataDir { path, lock })
    }

    /// The directory, absolute and without symbolic links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The secret kept under `name` in this directory, made at random at first use.
    ///
    /// # Errors
    ///
    /// As [`secret_file`].
    pub fn secret(&self, name: &str) -> Result<Secret, LocalError> {
        secret_file(&self.path.join(name), random_token)
    }
}

fn lock(directory: &Path) -> Result<File, LocalError> {
    let path = directory.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(LocalError::file("open", &path))?;
    match file.try_lock() {
        Ok(()) => (),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Only for the message: without it the refusal is still clear.
            let _ = file.read_to_string(&mut holder);
            let holder = Some(holder.trim().to_owned()).filter(|pid| !pid.is_empty());
            return Err(LocalError::InUse { path: directory.to_path_buf(), holder });
        }
        Err(TryLockError::Error(cause)) => return Err(LocalError::file("lock", &path)(cause)),
    }
    let named = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    named.map_err(LocalError::file("write", &path))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_holder_is_refused_in_one_line_that_names_the_first() {
        let place = std::env::temp_dir().join(format!("baton-data-{}", random_token().unwrap()));
        let held = DataDir::open(&place).unwrap();

        let refused = DataDir::open(&place).unwrap_err().to_string();
        let expected = format!(
            "another baton (process {}) is running on {}",
            std::process::id(),
            held.path().display()
        );
        assert_eq!(refused, expected);

        drop(held);
        DataDir::open(&place).unwrap();
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn keeps_the_mode_of_a_directory_it_did_not_make() {
        let place = std::env::temp_dir().join(format!("baton-data-{}", random_token().unwrap()));
        let made = DataDir::open(&place).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(made.path()), 0o711);
        drop(made);

        fs::set_permissions(&place, fs::Permissions::from_mode(0o750)).unwrap();
        let again = DataDir::open(&place).unwrap();
        assert_eq!(mode(again.path()), 0o750);
        fs::remove_dir_all(place).unwrap();
    }
}
