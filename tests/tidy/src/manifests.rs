//! What every crate's manifest must say: versions and lints come from the workspace; and the
//! stricter clippy settings of a crate, which hide the root's, must repeat them. A workspace beside
//! the root's cannot take versions from it, and has to choose the same.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Finding, tree::TextFile};

/// Whether the manifest is of a workspace of its own.
#[must_use]
pub fn is_workspace(manifest: &TextFile) -> bool {
    manifest.text.lines().any(|line| line.trim() == "[workspace]")
}

/// The versions that a workspace beside the root's chooses otherwise than the root.
#[must_use]
pub fn check_versions(root: &TextFile, own: &TextFile) -> Vec<Finding> {
    let chosen: BTreeMap<&str, &str> =
        dependencies(root).map(|(_, name, version)| (name, version)).collect();
    let differs = |(at, name, version): (usize, &str, &str)| {
        let root = chosen.get(name).filter(|root| **root != version)?;
        let mend = format!("{name} is {root} in the root: say the same");
        Some(Finding::new(&own.path, at + 1, "versions", mend))
    };
    dependencies(own).filter_map(differs).collect()
}

/// Line, name and version of every dependency that has a version.
fn dependencies(manifest: &TextFile) -> impl Iterator<Item = (usize, &str, &str)> {
    let mut section = "";
    manifest.text.lines().enumerate().filter_map(move |(at, line)| {
        let line = line.trim();
        if line.starts_with('[') {
            section = line;
        }
        let (name, rest) = line.split_once(" = ").filter(|_| is_entry(line))?;
        let rest = rest.trim_start_matches("{ version = ").strip_prefix('"')?;
        let version = rest.split('"').next()?;
        section.ends_with("dependencies]").then_some((at, name, version))
    })
}

/// The packages that another workspace locks to a version the root does not know.
#[must_use]
pub fn check_lock(root: &TextFile, own: &TextFile) -> Vec<Finding> {
    let known: BTreeSet<(&str, &str)> =
        packages(root).map(|(_, name, version)| (name, version)).collect();
    let names: BTreeSet<&str> = known.iter().map(|(name, _)| *name).collect();
    let other = packages(own)
        .filter(|(_, name, version)| names.contains(name) && !known.contains(&(name, version)));
    let mend = |name: &str, version: &str| {
        format!("{name} {version} is not the root's: copy the root's Cargo.lock and build again")
    };
    other.map(|(at, name, it)| Finding::new(&own.path, at + 1, "lock", mend(name, it))).collect()
}

/// Line, name and version of every package in a lock file.
fn packages(lock: &TextFile) -> impl Iterator<Item = (usize, &str, &str)> {
    let quoted = |line: &'_ str| -> Option<(usize, usize)> {
        let from = line.find('"')? + 1;
        Some((from, from + line[from..].find('"')?))
    };
    let mut name = "";
    lock.text.lines().enumerate().filter_map(move |(at, line)| {
        let (from, to) = quoted(line)?;
        if line.starts_with("name = ") {
            name = &line[from..to];
        }
        line.starts_with("version = ").then_some((at, name, &line[from..to]))
    })
}

/// Everything wrong with a member's `Cargo.toml`.
#[must_use]
pub fn check(manifest: &TextFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut section = "";
    let mut has_lints = false;
    for (at, line) in manifest.text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]") && is_entry(line) {
            if !line.contains("workspace = true") {
                let mend =
                    "versions are chosen once: say `.workspace = true` and add it to the root";
                findings.push(Finding::new(&manifest.path, at + 1, "versions", mend));
            }
        } else if section == "[lints]" && line == "workspace = true" {
            has_lints = true;
        }
    }
    if !has_lints {
        let mend = "add `[lints]` with `workspace = true`";
        findings.push(Finding::new(&manifest.path, 1, "lints", mend));
    }
    findings
}

fn is_entry(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#') && line.contains('=')
}

/// What the root's clippy settings forbid and a crate's own do not.
#[must_use]
pub fn check_clippy(root: &TextFile, own: &TextFile) -> Vec<Finding> {
    let forbidden = root.text.lines().filter_map(forbidden_path);
    let missing = forbidden
        .filter(|path| !own.text.lines().filter_map(forbidden_path).any(|own| own == *path));
    let settings = root.text.lines().filter(|line| line.contains("threshold"));
    let missing = missing
        .map(str::to_owned)
        .chain(settings.filter(|line| !own.text.contains(line)).map(str::to_owned));
    let mend = |what| format!("clippy reads only the nearest file: repeat the root's `{what}`");
    missing.map(|what| Finding::new(&own.path, 1, "clippy", mend(what))).collect()
}

fn forbidden_path(line: &str) -> Option<&str> {
    line.split_once("path = \"")?.1.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_manifests_are_found() {
        let lints = "[lints]\nworkspace = true\n";
        for (text, rules) in [
            ("[dependencies]\nserde.workspace = true\n[lints]\nworkspace = true\n", &[][..]),
            ("[dependencies]\nserde = \"1\"\n[lints]\nworkspace = true\n", &["versions"]),
            (
                "[dev-dependencies]\na = { path = \"../a\" }\n[lints]\nworkspace = true",
                &["versions"],
            ),
            ("[dependencies]\n# none = yet\n", &["lints"]),
            (lints, &[]),
        ] {
            let findings = check(&TextFile::new("a/Cargo.toml", text));
            let found: Vec<_> = findings.iter().map(|finding| finding.rule).collect();
            assert_eq!(found, rules, "{text}");
        }
    }

    #[test]
    fn a_workspace_of_its_own_repeats_the_roots_versions() {
        let root = "[workspace.dependencies]\nserde = { version = \"1\", features = [] }\n\
                    uuid = \"=1.2\"\n[profile.dev]\ndebug = \"0\"\n";
        let root = TextFile::new("Cargo.toml", root);
        for (own, lines) in [
            ("[workspace]\n[dependencies]\nserde = \"1\"\nuuid = \"=1.2\"\n", &[][..]),
            ("[workspace]\n[dependencies]\nserde = \"2\"\nnew = \"3\"\n", &[3]),
            ("[workspace]\n[dev-dependencies]\nuuid = { version = \"1.2\" }\n", &[3]),
            ("[workspace]\n[dependencies]\nserde = { path = \"x\" }\n", &[]),
        ] {
            let own = TextFile::new("a/Cargo.toml", own);
            assert!(is_workspace(&own) && !is_workspace(&root));
            let found: Vec<_> = check_versions(&root, &own).iter().map(|it| it.line).collect();
            assert_eq!(found, lines, "{}", own.text);
        }
    }

    #[test]
    fn a_lock_of_its_own_knows_the_roots_versions_only() {
        let lock = |packages: &[(&str, &str)]| {
            let one = |(name, version): &(&str, &str)| {
                format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\n")
            };
            TextFile::new("Cargo.lock", &packages.iter().map(one).collect::<String>())
        };
        let root = lock(&[("a", "1.0.0"), ("a", "2.0.0"), ("b", "1.0.0")]);
        for (own, found) in [
            (&[("a", "2.0.0"), ("new", "0.1.0")][..], 0),
            (&[("a", "2.0.1")], 1),
            (&[("b", "2.0.0"), ("a", "1.0.0")], 1),
        ] {
            assert_eq!(check_lock(&root, &lock(own)).len(), found, "{own:?}");
        }
    }

    #[test]
    fn own_clippy_settings_repeat_the_roots() {
        let root =
            TextFile::new("clippy.toml", "x-threshold = 5\n{ path = \"a\", reason = \"b\" },\n");
        let found = |text| check_clippy(&root, &TextFile::new("a/clippy.toml", text)).len();
        assert_eq!(found("x-threshold = 5\n{ path = \"a\" },\n{ path = \"c\" },\n"), 0);
        assert_eq!(found("x-threshold = 5\n{ path = \"aa\" },\n"), 1);
        assert_eq!(found(""), 2);
    }
}
