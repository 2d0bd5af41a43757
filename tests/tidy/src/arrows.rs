//! Which crate may depend on which, directly. A new arrow is a decision about the house: it goes
//! into [`ARROWS`], and into ARCHITECTURE.md.

use cargo_metadata::{Dependency, DependencyKind, Metadata, Package};

use crate::Finding;

/// Every crate of the house and those of ours it may depend on. `*` is all that are not tests.
pub const ARROWS: [(&str, &[&str]); 23] = [
    ("baton-domain", &[]),
    ("baton-log", &[]),
    ("baton-history", &["baton-domain", "baton-log"]),
    ("baton-feed", &["baton-domain", "baton-log", "baton-history"]),
    ("baton-ledger", &["baton-log", "baton-feed"]),
    ("baton-projections", &["baton-domain", "baton-log", "baton-history", "baton-feed"]),
    ("baton-commands", &["baton-domain", "baton-log", "baton-history"]),
    (
        "baton-webhooks",
        &["baton-domain", "baton-log", "baton-history", "baton-feed", "baton-commands"],
    ),
    (
        "baton-policies",
        &["baton-domain", "baton-log", "baton-history", "baton-feed", "baton-commands"],
    ),
    (
        "baton-scheduler",
        &["baton-domain", "baton-log", "baton-history", "baton-feed", "baton-commands"],
    ),
    (
        "baton-queue",
        &["baton-domain", "baton-log", "baton-history", "baton-commands", "baton-projections"],
    ),
    ("baton-duplicates", &["baton-domain", "baton-log", "baton-history", "baton-projections"]),
    ("baton-audit", &["baton-domain", "baton-log", "baton-ledger"]),
    (
        "baton-api",
        &[
            "baton-audit",
            "baton-domain",
            "baton-duplicates",
            "baton-log",
            "baton-history",
            "baton-feed",
            "baton-ledger",
            "baton-commands",
            "baton-projections",
            "baton-queue",
            "baton-webhooks",
        ],
    ),
    ("baton-local", &[]),
    (
        "baton-operations",
        &[
            "baton-log",
            "baton-history",
            "baton-feed",
            "baton-ledger",
            "baton-projections",
            "baton-webhooks",
        ],
    ),
    ("baton", &["*"]),
    ("baton-generated-client", &[]),
    ("baton-harness", &["baton-local"]),
    ("baton-it", &["baton-harness"]),
    ("baton-faults", &["baton-harness"]),
    ("baton-load", &["baton-domain", "baton-harness", "baton-log"]),
    ("baton-tidy", &[]),
];

/// Crates that only tests may use; the harness is open to every crate's tests.
const TESTS: [&str; 6] = [
    "baton-faults",
    "baton-generated-client",
    "baton-harness",
    "baton-it",
    "baton-load",
    "baton-tidy",
];
const HARNESS: &str = "baton-harness";

/// All that the domain may use: nothing that waits, speaks, stores, or knows the time.
pub const DOMAIN_MAY_USE: [&str; 6] = ["esrs", "jiff", "serde", "serde_json", "thiserror", "uuid"];

/// A crate and what it asks for.
#[derive(Debug)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its manifest, from the root.
    pub manifest: String,
    /// What it depends on.
    pub dependencies: Vec<Asked>,
}

/// A direct dependency.
#[derive(Debug)]
pub struct Asked {
    /// Its name.
    pub name: String,
    /// Only for tests.
    pub for_tests: bool,
    /// Its default features are on.
    pub defaults: bool,
    /// Where the manifest names it.
    pub line: usize,
}

/// The crates of the workspace.
#[must_use]
pub fn crates(metadata: &Metadata, read: impl Fn(&str) -> String) -> Vec<Crate> {
    let of_workspace = metadata.workspace_packages();
    of_workspace.into_iter().map(|package| of(package, metadata, &read)).collect()
}

fn of(package: &Package, metadata: &Metadata, read: &impl Fn(&str) -> String) -> Crate {
    let manifest = package.manifest_path.strip_prefix(&metadata.workspace_root);
    let manifest = manifest.unwrap_or(&package.manifest_path).to_string();
    let text = read(&manifest);
    let asked = |dependency: &Dependency| Asked {
        line: line_of(&text, &dependency.name),
        name: dependency.name.clone(),
        for_tests: dependency.kind == DependencyKind::Development,
        defaults: dependency.uses_default_features,
    };
    let dependencies = package.dependencies.iter().map(asked).collect();
    Crate { name: package.name.to_string(), manifest, dependencies }
}

fn line_of(manifest: &str, dependency: &str) -> usize {
    let names = |line: &str| {
        let rest = line.trim_start().strip_prefix(dependency)?;
        rest.starts_with(['.', ' ', '=']).then_some(())
    };
    1 + manifest.lines().position(|line| names(line).is_some()).unwrap_or_default()
}

/// Everything wrong with the arrows.
#[must_use]
pub fn check(crates: &[Crate]) -> Vec<Finding> {
    crates.iter().flat_map(|each| [outward(each), inward(each)].concat()).collect()
}

/// Arrows between crates of the house.
fn inward(each: &Crate) -> Vec<Finding> {
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == each.name) else {
        let mend =
            format!("{} is new: name it and its arrows in tests/tidy/src/arrows.rs", each.name);
        return vec![Finding::new(&each.manifest, 1, "arrows", mend)];
    };
    let ours = |name: &str| ARROWS.iter().any(|(ours, _)| *ours == name);
    let may = |asked: &Asked| {
        let name = asked.name.as_str();
        let is_everything = allowed.contains(&"*") && !TESTS.contains(&name);
        is_everything || allowed.contains(&name) || (asked.for_tests && name == HARNESS)
    };
    let wrong = each.dependencies.iter().filter(|asked| ours(&asked.name) && !may(asked));
    wrong
        .map(|asked| {
            let mend = format!(
                "{} must not depend on {}: its arrows go to [{}]",
                each.name,
                asked.name,
                allowed.join(", ")
            );
            Finding::new(&each.manifest, asked.line, "arrows", mend)
        })
        .collect()
}

/// What the domain takes from outside.
fn outward(each: &Crate) -> Vec<Finding> {
    if each.name != "baton-domain" {
        return vec![];
    }
    let mut findings = Vec::new();
    for asked in each.dependencies.iter().filter(|asked| !asked.for_tests) {
        let name = asked.name.as_str();
        if !DOMAIN_MAY_USE.contains(&name) && !ARROWS.iter().any(|(ours, _)| *ours == name) {
            let may = DOMAIN_MAY_USE.join(", ");
            let mend = format!("the domain is pure and may use {may} only; not {name}");
            findings.push(Finding::new(&each.manifest, asked.line, "pure domain", mend));
        }
        if name == "esrs" && asked.defaults {
            let mend = "take esrs without default features: they bring its SQL store";
            findings.push(Finding::new(&each.manifest, asked.line, "pure domain", mend));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, asked: &str, for_tests: bool) -> Vec<&'static str> {
        let dependencies =
            vec![Asked { name: asked.to_owned(), for_tests, defaults: true, line: 3 }];
        let manifest = "a/Cargo.toml".to_owned();
        let each = Crate { name: name.to_owned(), manifest, dependencies };
        check(&[each]).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn arrows_that_are_drawn_and_those_that_are_not() {
        for (from, to, for_tests, rules) in [
            ("baton-history", "baton-log", false, &[][..]),
            ("baton-log", "baton-domain", false, &["arrows"]),
            ("baton-log", "baton-domain", true, &["arrows"]),
            ("baton-domain", "baton-log", false, &["arrows"]),
            ("baton-projections", "baton-commands", false, &["arrows"]),
            ("baton-log", "baton-harness", true, &[]),
            ("baton-log", "baton-harness", false, &["arrows"]),
            ("baton", "baton-api", false, &[]),
            ("baton", "baton-harness", false, &["arrows"]),
            ("baton-log", "tokio", false, &[]),
            ("baton-news", "baton-log", false, &["arrows"]),
            ("baton-domain", "tokio", false, &["pure domain"]),
            ("baton-domain", "serde", false, &[]),
            ("baton-domain", "esrs", false, &["pure domain"]),
            ("baton-domain", "proptest", true, &[]),
        ] {
            assert_eq!(found(from, to, for_tests), rules, "{from} -> {to}");
        }
    }

    #[test]
    fn no_arrow_leads_back() {
        for (from, allowed) in ARROWS {
            for to in allowed.iter().filter(|to| **to != "*") {
                let (_, back) = ARROWS.iter().find(|(name, _)| name == to).unwrap();
                assert!(!back.contains(&from), "{from} and {to}");
            }
        }
    }

    #[test]
    fn a_dependency_is_found_in_its_manifest() {
        let manifest =
            "[dependencies]\nserde_json.workspace = true\nserde = { workspace = true }\n";
        assert_eq!((line_of(manifest, "serde"), line_of(manifest, "serde_json")), (3, 2));
    }
}
