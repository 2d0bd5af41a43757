//! The tree, held against the house rules.

use std::fs;

use baton_tidy::{Finding, arrows, citations, manifests, report, rights, sources, sql_files, tree};
use cargo_metadata::MetadataCommand;

#[track_caller]
fn expect_none(findings: Vec<Finding>) {
    assert!(findings.is_empty(), "\n\n{}", report(findings));
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let root = tree::root();
    let mut command = MetadataCommand::new();
    let metadata = command.manifest_path(root.join("Cargo.toml")).no_deps().exec().unwrap();
    let crates = arrows::crates(&metadata, |path| fs::read_to_string(root.join(path)).unwrap());
    let mut missing: Vec<&str> = arrows::ARROWS.iter().map(|(name, _)| *name).collect();
    missing.retain(|name| !crates.iter().any(|each| each.name == *name));
    assert_eq!(missing, [""; 0], "no longer there: remove them from tests/tidy/src/arrows.rs");
    expect_none(arrows::check(&crates));
}

#[test]
fn sources_are_tidy() {
    let files = tree::files(&tree::root(), &[".rs"]).unwrap();
    assert!(files.len() > 50, "the tree was found: {} sources", files.len());
    expect_none(files.iter().flat_map(sources::check).collect());
}

#[test]
fn citations_lead_somewhere() {
    let root = tree::root();
    let sections =
        citations::sections(&fs::read_to_string(root.join(citations::PROTOCOL)).unwrap());
    assert!(sections.len() > 20, "the page was read: {sections:?}");
    let files = tree::files(&root, &citations::ENDINGS).unwrap();
    expect_none(files.iter().flat_map(|file| citations::check(file, &sections)).collect());
}

#[test]
fn rights_are_one_table() {
    let files = tree::files(&tree::root(), &[".rs"]).unwrap();
    expect_none(files.iter().flat_map(rights::check).collect());
}

#[test]
fn every_sql_file_is_used() {
    let root = tree::root();
    let sources = tree::files(&root, &[".rs"]).unwrap();
    let sql = tree::files(&root, &[".sql"]).unwrap();
    expect_none(sql_files::check(&sources, &sql));
}

#[test]
fn manifests_take_versions_and_lints_from_the_workspace() {
    let manifests = tree::files(&tree::root(), &["Cargo.toml"]).unwrap();
    let members = manifests.iter().filter(|manifest| manifest.path != "Cargo.toml");
    let members = members.filter(|manifest| !manifests::is_workspace(manifest));
    expect_none(members.flat_map(manifests::check).collect());
}

#[test]
fn workspaces_beside_the_roots_choose_the_same_versions() {
    let beside = |name: &str, check: fn(&tree::TextFile, &tree::TextFile) -> Vec<Finding>| {
        let files = tree::files(&tree::root(), &[name]).unwrap();
        let root = files.iter().find(|file| file.path == name).unwrap();
        let own = files.iter().filter(|own| own.path.starts_with("tests/fuzz/"));
        let own: Vec<_> = own.collect();
        assert_eq!(own.len(), 1, "{name} of the fuzz targets");
        expect_none(own.into_iter().flat_map(|own| check(root, own)).collect());
    };
    beside("Cargo.toml", manifests::check_versions);
    beside("Cargo.lock", manifests::check_lock);
}

#[test]
fn stricter_clippy_settings_repeat_the_roots() {
    let settings = tree::files(&tree::root(), &["clippy.toml"]).unwrap();
    let root = settings.iter().find(|file| file.path == "clippy.toml").unwrap();
    let own = settings.iter().filter(|file| file.path != root.path);
    let own: Vec<_> = own.collect();
    assert!(own.iter().any(|file| file.path == "events/domain/clippy.toml"));
    expect_none(own.into_iter().flat_map(|own| manifests::check_clippy(root, own)).collect());
}
