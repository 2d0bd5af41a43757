//! What tests take from public registries: put below `target/`, once for all of them.
//!
//! Must not: touch what the machine has of its own, or the source tree.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The directory `name` below `target/`, made when it is first asked for, and again when other
/// things are `wanted` in it, or `program`, which installs them, says another version.
///
/// What is installed is bound to that version and may be to its own path: a directory that was
/// moved is made again, too.
pub(crate) fn once(name: &str, program: &str, wanted: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let target = test.ancestors().nth(3).expect("tests run from target/*/deps");
    let home = target.join(name);
    let done = home.join("installed");
    let version = run(Command::new(program).arg("--version"));
    let wanted = format!("{}\n{}\n{wanted}", version.trim(), home.display());
    fs::create_dir_all(target).expect("a directory for what is built");
    // Held by one test process at a time, and given back when it ends.
    let lock = File::create(target.join(format!("{name}.lock"))).expect("a lock file");
    lock.lock().expect("a lock");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return home;
    }
    let _ = fs::remove_dir_all(&home);
    fs::create_dir(&home).expect("a directory for what is installed");
    make(&home);
    // Last: a run that was cut off begins again.
    fs::write(&done, wanted).expect("a file beside it");
    home
}

/// Runs a program that installs something; what it says.
///
/// # Panics
///
/// When it is missing, or fails, for example because its registry is out of reach.
pub(crate) fn run(command: &mut Command) -> String {
    let shown = format!("{command:?}");
    let output = command.output().unwrap_or_else(|cause| panic!("{shown}: {cause}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}\n{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
