//! Temporary directories whose processes and files go when the test ends, or its process dies.
//!
//! Must not: rely on `Drop` alone. A killed test process runs none; the guard shell outlives it.

use std::fs::DirBuilder;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use uuid::Uuid;

const GUARD: &str = include_str!("guard.sh");
/// Passable, so that Postgres gets through to its own directory when the tests run as root.
const PLACE_MODE: u32 = 0o711;

/// A directory of one test. Every process started in its name ends with it.
#[derive(Debug)]
pub struct Place(PathBuf);

impl Place {
    /// A new directory under the system's temporary one.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    #[must_use]
    pub fn new() -> Place {
        let name = format!("baton-test-{}", &Uuid::new_v4().simple().to_string()[..12]);
        let path = std::env::temp_dir().join(name);
        tell_guard("place", &path);
        DirBuilder::new().mode(PLACE_MODE).create(&path).expect("a temporary directory");
        Place(path)
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// Leaves every directory of this process where it is when its tests end, for inspection; the
/// processes in them end all the same.
pub fn keep_all() {
    tell_guard("keep", Path::new("all"));
}

impl Default for Place {
    fn default() -> Self {
        Place::new()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        tell_guard("end", &self.0);
    }
}

/// One guard for this process. Statics are never dropped: the pipe closes when the process ends.
fn tell_guard(word: &str, place: &Path) {
    static GUARD_INPUT: OnceLock<Mutex<ChildStdin>> = OnceLock::new();
    let input = GUARD_INPUT.get_or_init(|| Mutex::new(start_guard()));
    let mut input = input.lock().unwrap_or_else(PoisonError::into_inner);
    let line = format!("{word} {}\n", place.display());
    input.write_all(line.as_bytes()).expect("the guard shell listens");
}

#[expect(clippy::zombie_processes, reason = "the guard ends after us: nobody can wait for it")]
fn start_guard() -> ChildStdin {
    let mut guard = Command::new("sh")
        .args(["-c", GUARD, "baton-test-guard"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C ends the tests; the guard must live to clean up after them.
        .process_group(0)
        .spawn()
        .expect("a shell to guard the tests");
    guard.stdin.take().expect("its input is piped")
}
