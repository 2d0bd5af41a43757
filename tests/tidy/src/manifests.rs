//! What every crate's manifest must say: versions and lints come from the workspace; and the
//! stricter clippy settings of a crate, which hide the root's, must repeat them.

use crate::{Finding, tree::TextFile};

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
    fn own_clippy_settings_repeat_the_roots() {
        let root =
            TextFile::new("clippy.toml", "x-threshold = 5\n{ path = \"a\", reason = \"b\" },\n");
        let found = |text| check_clippy(&root, &TextFile::new("a/clippy.toml", text)).len();
        assert_eq!(found("x-threshold = 5\n{ path = \"a\" },\n{ path = \"c\" },\n"), 0);
        assert_eq!(found("x-threshold = 5\n{ path = \"aa\" },\n"), 1);
        assert_eq!(found(""), 2);
    }
}
