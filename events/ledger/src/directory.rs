//! The directory of checkpoints: what proves the history when the database no longer does. Best a
//! disk that whoever runs the database cannot write to.
//!
//! `ACCOUNT/latest` is the last checkpoint, `ACCOUNT/2026-03-17T10Z` the first that was kept in
//! that hour. Hours are kept for two days, of older ones the first of each day, and of those older
//! than 90 days the first of each month: older checkpoints show what was signed before somebody
//! with the key rewrote the rest. Each file is one signed note, and is whole or not there.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

const LATEST: &str = "latest";
const DRAFT: &str = ".new";
const HOUR: &str = "%Y-%m-%dT%HZ";
/// Characters of an hour's name that are its day, and its month.
const DAY: usize = "2026-03-17".len();
const MONTH: usize = "2026-03".len();
const HOURS_KEPT: SignedDuration = SignedDuration::from_hours(48);
const DAYS_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Others may read: a checkpoint has no secrets, and is meant to be copied.
const DIRECTORY_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;

/// A file of the directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}", path.display())]
pub struct DirectoryError {
    what: &'static str,
    path: PathBuf,
    #[source]
    cause: std::io::Error,
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> DirectoryError {
    let path = path.to_path_buf();
    move |cause| DirectoryError { what, path, cause }
}

/// Where checkpoints are kept outside the database. Its calls wait for the disk.
#[derive(Clone, Debug)]
pub struct CheckpointDir {
    path: PathBuf,
}

impl CheckpointDir {
    /// The directory at this path, which is made when there is something to keep.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The accounts that have checkpoints, in order; none where there is no directory yet.
    ///
    /// # Errors
    /// [`DirectoryError`] where it cannot be read.
    pub fn accounts(&self) -> Result<Vec<String>, DirectoryError> {
        let mut accounts = names(&self.path)?;
        accounts.retain(|name| self.path.join(name).is_dir());
        Ok(accounts)
    }

    /// The last note that is kept of the account; none where there is none.
    ///
    /// # Errors
    /// [`DirectoryError`] where it cannot be read.
    pub fn latest(&self, account: &str) -> Result<Option<String>, DirectoryError> {
        let path = self.path.join(account).join(LATEST);
        match fs::read_to_string(&path) {
            Ok(note) => Ok(Some(note)),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(failed("read", &path)(cause)),
        }
    }

    /// Every note that is kept of the account and the file it is in, the oldest first.
    ///
    /// # Errors
    /// [`DirectoryError`] where one cannot be read.
    pub fn all(&self, account: &str) -> Result<Vec<(PathBuf, String)>, DirectoryError> {
        let directory = self.path.join(account);
        // The names of hours come before `latest`.
        let mut found = Vec::new();
        for name in names(&directory)?.into_iter().filter(|name| !name.ends_with(DRAFT)) {
            let path = directory.join(name);
            match fs::read_to_string(&path) {
                Ok(note) => found.push((path, note)),
                // It was taken away meanwhile, its time being over.
                Err(cause) if cause.kind() == ErrorKind::NotFound => {}
                Err(cause) => return Err(failed("read", &path)(cause)),
            }
        }
        Ok(found)
    }

    /// Keeps a note as the account's last, and as that of its hour where there is none; once this
    /// answers, it is on the disk.
    ///
    /// # Errors
    /// [`DirectoryError`] where it cannot be written.
    pub(crate) fn keep(
        &self,
        account: &str,
        note: &str,
        at: Timestamp,
    ) -> Result<(), DirectoryError> {
        let directory = self.path.join(account);
        if !directory.is_dir() {
            let mut builder = DirBuilder::new();
            builder
                .recursive(true)
                .mode(DIRECTORY_MODE)
                .create(&directory)
                .map_err(failed("create", &directory))?;
            sync(&self.path)?;
        }
        let hour = directory.join(at.strftime(HOUR).to_string());
        let is_first = !hour.exists();
        if is_first {
            write(&hour, note)?;
        }
        write(&directory.join(LATEST), note)?;
        if is_first {
            prune(&directory, at)?;
        }
        sync(&directory)
    }
}

/// The names in a directory, in order; none where there is no directory.
fn names(directory: &Path) -> Result<Vec<String>, DirectoryError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(failed("read", directory)(cause)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed("read", directory))?.file_name();
        // What is not text is not ours.
        names.extend(name.into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// Writes a file that is whole or not there, and on the disk.
fn write(path: &Path, text: &str) -> Result<(), DirectoryError> {
    // Of this process: another one may write the same.
    let draft = path.with_extension(format!("{}{DRAFT}", std::process::id()));
    let written = || {
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(FILE_MODE).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    written().map_err(failed("write", path))
}

fn sync(directory: &Path) -> Result<(), DirectoryError> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(failed("write", directory))
}

/// Takes away what need not be kept, and drafts that were left behind.
fn prune(directory: &Path, now: Timestamp) -> Result<(), DirectoryError> {
    let names = names(directory)?;
    let drafts = names.iter().filter(|name| name.ends_with(DRAFT)).map(String::as_str);
    for name in superseded(&names, now).into_iter().chain(drafts) {
        let path = directory.join(name);
        match fs::remove_file(&path) {
            Err(cause) if cause.kind() != ErrorKind::NotFound => {
                return Err(failed("remove", &path)(cause));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The hours among these names, in order, that need not be kept.
fn superseded(names: &[String], now: Timestamp) -> Vec<&str> {
    let before = |age: SignedDuration| {
        now.checked_sub(age).unwrap_or(Timestamp::MIN).strftime(HOUR).to_string()
    };
    let (hours_from, days_from) = (before(HOURS_KEPT), before(DAYS_KEPT));
    let hours: Vec<&str> = names.iter().map(String::as_str).filter(|name| is_hour(name)).collect();
    let is_first_of =
        |at: usize, chars: usize| at == 0 || hours[at - 1].get(..chars) != hours[at].get(..chars);
    let is_kept = |at: usize| {
        let hour = hours[at];
        hour >= hours_from.as_str()
            || (hour >= days_from.as_str() && is_first_of(at, DAY))
            || is_first_of(at, MONTH)
    };
    (0..hours.len()).filter(|at| !is_kept(*at)).map(|at| hours[at]).collect()
}

fn is_hour(name: &str) -> bool {
    let form = "0000-00-00T00Z";
    let is_like = |(char, form): (char, char)| match form {
        '0' => char.is_ascii_digit(),
        _ => char == form,
    };
    name.len() == form.len() && name.chars().zip(form.chars()).all(is_like)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn place(name: &str) -> PathBuf {
        let place = std::env::temp_dir().join(format!("baton-{name}-{}", uuid::Uuid::now_v7()));
        assert!(!place.exists());
        place
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_last_note_and_the_first_of_each_hour_are_kept() {
        let directory = CheckpointDir::new(place("checkpoints"));
        assert_eq!(directory.accounts().unwrap(), [""; 0]);
        assert_eq!(directory.latest("acme").unwrap(), None);
        for (note, time) in [
            ("1", "2026-03-17T10:00:00Z"),
            ("2", "2026-03-17T10:59:59.999Z"),
            ("3", "2026-03-17T12:30:00Z"),
            ("4", "2026-03-17T12:31:00Z"),
        ] {
            directory.keep("acme", note, at(time)).unwrap();
            assert_eq!(directory.latest("acme").unwrap().as_deref(), Some(note));
        }
        fs::write(directory.path().join("acme/latest.7.new"), "half").unwrap();
        let kept = directory.all("acme").unwrap();
        let kept: Vec<(&str, &str)> = kept
            .iter()
            .map(|(path, note)| (path.file_name().unwrap().to_str().unwrap(), note.as_str()))
            .collect();
        assert_eq!(kept, [("2026-03-17T10Z", "1"), ("2026-03-17T12Z", "3"), ("latest", "4")]);
        assert_eq!(directory.accounts().unwrap(), ["acme"]);
        // What was left half-written goes with the next hour.
        directory.keep("acme", "5", at("2026-03-17T13:00:00Z")).unwrap();
        assert!(!directory.path().join("acme/latest.7.new").exists());
        fs::remove_dir_all(directory.path()).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_named() {
        let file = place("no-directory");
        fs::write(&file, "").unwrap();
        let directory = CheckpointDir::new(file.clone());
        let error = directory.keep("acme", "1", at("2026-03-17T10:00:00Z")).unwrap_err();
        assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
        fs::remove_file(file).unwrap();
    }

    /// An hourly checkpoint for two years leaves few files, and of every month the first.
    #[test]
    fn the_number_of_files_is_bounded_and_old_history_is_still_proved() {
        let (begin, hours) = (at("2026-01-01T00:30:00Z"), 2 * 365 * 24);
        let mut kept: BTreeSet<String> = BTreeSet::new();
        let mut most = 0;
        for hour in 0..hours {
            let now = begin + SignedDuration::from_hours(hour);
            kept.insert(now.strftime(HOUR).to_string());
            let names: Vec<String> = kept.iter().cloned().collect();
            for name in superseded(&names, now) {
                kept.remove(name);
            }
            most = most.max(kept.len());
        }
        assert!(most <= 48 + 1 + 90 + 1 + 24, "{most} files");
        for month in ["2026-01-01T00Z", "2026-02-01T00Z", "2027-11-01T00Z"] {
            assert!(kept.contains(month), "{month}: {kept:?}");
        }
        let names = ["latest", "notes.txt", "2020-01-01T00Z.new"].map(str::to_owned);
        assert_eq!(superseded(&names, begin), [""; 0]);
    }
}
