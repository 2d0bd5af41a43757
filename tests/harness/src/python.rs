//! Pythons with the published packages that tests run, installed once for all of them.
//!
//! Must not: touch the machine's own Python.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::installed;

const OF_THE_TESTS: &str = include_str!("../../python/requirements.txt");
const OF_THE_CLIENT: &str = include_str!("../../clients/python/requirements.txt");

/// The interpreter of the virtual environment of `tests/python`, made when it is first asked for.
///
/// # Panics
///
/// When it cannot be made: Python is missing, or the package index is out of reach.
#[must_use]
pub fn interpreter() -> PathBuf {
    environment("python-of-the-tests", OF_THE_TESTS, "../python").join("python")
}

/// The programs of the virtual environment in which a client is generated; its generator brings
/// packages that others would want in other versions.
///
/// # Panics
///
/// As [`interpreter`].
#[must_use]
pub fn client_programs() -> PathBuf {
    environment("python-of-the-client", OF_THE_CLIENT, "../clients/python")
}

fn environment(name: &str, requirements: &str, folder: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join("requirements.txt");
    let home = installed::once(name, "python3", requirements, |home| {
        installed::run(Command::new("python3").args(["-m", "venv"]).arg(home));
        let python = home.join("bin/python");
        let install = ["-m", "pip", "install", "--quiet", "-r"];
        installed::run(Command::new(python).args(install).arg(&file));
    });
    home.join("bin")
}
