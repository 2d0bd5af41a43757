//! The npm packages that tests run, installed once for all of them.
//!
//! Must not: install anything that the lock file does not name, or run its scripts.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::installed;

const MANIFEST: &str = include_str!("../../clients/typescript/package.json");
const LOCK: &str = include_str!("../../clients/typescript/package-lock.json");

/// The `node_modules` of `tests/clients/typescript`, made when they are first asked for.
///
/// # Panics
///
/// When they cannot be made: npm is missing, or its registry is out of reach.
#[must_use]
pub fn modules() -> PathBuf {
    let home = installed::once("node-of-the-tests", "node", &format!("{MANIFEST}{LOCK}"), |home| {
        fs::write(home.join("package.json"), MANIFEST).expect("a file below target/");
        fs::write(home.join("package-lock.json"), LOCK).expect("a file below target/");
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        installed::run(Command::new("npm").args(arguments).current_dir(home));
    });
    home.join("node_modules")
}
