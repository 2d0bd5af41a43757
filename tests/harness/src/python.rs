//! A Python with the published packages that tests run, installed once for all of them.
//!
//! Must not: touch the machine's own Python.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

const REQUIREMENTS: &str = include_str!("../../python/requirements.txt");

/// The interpreter of a virtual environment below `target/`, made when it is first asked for.
///
/// # Panics
///
/// When it cannot be made: Python is missing, or the package index is out of reach.
#[must_use]
pub fn interpreter() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let target = test.ancestors().nth(3).expect("tests run from target/*/deps");
    let home = target.join("python-of-the-tests");
    let (python, done) = (home.join("bin/python"), home.join("requirements.txt"));
    fs::create_dir_all(target).expect("a directory for what is built");
    // Held by one test process at a time, and given back when it ends.
    let lock = File::create(target.join("python-of-the-tests.lock")).expect("a lock file");
    lock.lock().expect("a lock");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == REQUIREMENTS) {
        return python;
    }
    let _ = fs::remove_dir_all(&home);
    run(Command::new("python3").args(["-m", "venv"]).arg(&home));
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements()));
    // Last: a run that was cut off begins again.
    fs::write(&done, REQUIREMENTS).expect("a file in the environment");
    python
}

fn requirements() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../python/requirements.txt")
}

fn run(command: &mut Command) {
    let shown = format!("{command:?}");
    let output = command.output().unwrap_or_else(|cause| panic!("{shown}: {cause}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}\n{errors}");
}
