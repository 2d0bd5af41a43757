//! Secret files: made once, mode 0600, read ever after.
//!
//! Must not: show a secret in an error, a log line or `Debug`.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::LocalError;

const TOKEN_BYTES: usize = 32;

/// A secret and where it is kept.
#[derive(Clone)]
pub struct Secret {
    /// The secret itself, without the file's line end.
    pub value: String,
    /// The file that keeps it.
    pub path: PathBuf,
    /// Whether this call made it.
    pub created: bool,
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Secret").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Reads the secret kept in `path`; where there is none, stores what `generate` gives.
///
/// The file appears whole or not at all, also when the machine stops in between.
///
/// # Errors
///
/// When the file cannot be read or written, is empty, or `generate` fails.
pub fn secret_file(
    path: &Path,
    generate: impl FnOnce() -> Result<String, LocalError>,
) -> Result<Secret, LocalError> {
    match fs::read_to_string(path) {
        Ok(text) => existing(path, &text),
        Err(cause) if cause.kind() == ErrorKind::NotFound => {
            let value = generate()?;
            write_new(path, &value)?;
            Ok(Secret { value, path: path.to_path_buf(), created: true })
        }
        Err(cause) => Err(LocalError::file("read", path)(cause)),
    }
}

/// 256 random bits as 64 hexadecimal characters.
///
/// # Errors
///
/// When the system has no randomness to give.
pub fn random_token() -> Result<String, LocalError> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|source| LocalError::Random { source })?;
    Ok(hex::encode(bytes))
}

fn existing(path: &Path, text: &str) -> Result<Secret, LocalError> {
    let value = text.trim();
    if value.is_empty() {
        return Err(LocalError::EmptySecret { path: path.to_path_buf() });
    }
    // A backup or an editor may have opened it up.
    let mode = fs::metadata(path).map_err(LocalError::file("read", path))?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "secret was readable by others; now mode 0600");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))
            .map_err(LocalError::file("close", path))?;
    }
    Ok(Secret { value: value.to_owned(), path: path.to_path_buf(), created: false })
}

/// Writes a file, mode 0600, that is whole or not there.
pub(crate) fn write_new(path: &Path, value: &str) -> Result<(), LocalError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let draft = directory.join(name);
    let written = || {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        writeln!(file, "{value}")?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        File::open(directory)?.sync_all()
    };
    written().map_err(LocalError::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> PathBuf {
        let place = std::env::temp_dir().join(format!("baton-secret-{}", random_token().unwrap()));
        fs::create_dir(&place).unwrap();
        place
    }

    #[test]
    fn is_made_once_and_closed_to_others() {
        let place = place();
        let path = place.join("project-token");

        let made = secret_file(&path, random_token).unwrap();
        let read = secret_file(&path, || panic!("made twice")).unwrap();

        assert!(made.created && !read.created);
        assert_eq!(made.value, read.value);
        assert_eq!(made.value.len(), 64);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn is_closed_again_when_somebody_opened_it() {
        let place = place();
        let path = place.join("master-key");
        fs::write(&path, "abc\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();

        let read = secret_file(&path, random_token).unwrap();

        assert_eq!(read.value, "abc");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn empty_is_refused_by_name_and_debug_hides_the_value() {
        let place = place();
        let path = place.join("master-key");
        fs::write(&path, "\n").unwrap();

        let refused = secret_file(&path, random_token).unwrap_err();
        assert!(refused.to_string().contains("master-key is empty"));

        let made = secret_file(&place.join("other"), || Ok("hunter2".to_owned())).unwrap();
        assert!(!format!("{made:?}").contains("hunter2"));
        fs::remove_dir_all(place).unwrap();
    }
}
