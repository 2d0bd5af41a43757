//! Every `.sql` file that the crates include is prepared against a migrated database: nothing
//! checks SQL when it is compiled.

use std::fs;
use std::path::{Path, PathBuf};

use crate::world::World;

/// The read models' statements name their tables bare: the session says live or rebuilt.
const SCOPE: &str = "set search_path to read, public";
/// Where the product's code is.
const CODE: [&str; 3] = ["events", "projections", "services"];
/// Statements for the schema in which a model is rebuilt, which is there during a rebuild only.
const BESIDE: &str = "rebuild_";

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && name != "tests" {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The files that the code includes as SQL, each once.
fn included() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut code = Vec::new();
    for directory in CODE {
        sources(&root.join(directory), &mut code);
    }
    let mut files = Vec::new();
    for source in code {
        let text = fs::read_to_string(&source).expect("code is text");
        for include in text.split("include_str!(\"").skip(1) {
            let name = include.split('"').next().expect("an end");
            if name.ends_with(".sql") {
                let file = source.parent().expect("a directory").join(name);
                files.push(file.canonicalize().expect("an included file is there"));
            }
        }
    }
    files.sort();
    files.dedup();
    files
}

/// The statement of a file, and the file beside it that its `/* name.sql */` stands for.
fn statement(file: &Path) -> (String, Option<PathBuf>) {
    let sql = fs::read_to_string(file).expect("SQL is text");
    let named = sql.split("/* ").nth(1).and_then(|rest| rest.split(" */").next());
    let Some(name) = named.filter(|name| name.ends_with(".sql")).map(str::to_owned) else {
        return (sql, None);
    };
    let part = file.with_file_name(&name);
    let text = fs::read_to_string(&part).expect("the part is there");
    (sql.replace(&format!("/* {name} */"), &text), Some(part))
}

/// Neither a script of several statements nor one for tables that are not there now.
fn is_one_statement(sql: &str) -> bool {
    let code: String = sql.lines().map(|line| line.split("--").next().unwrap_or(line)).collect();
    !code.trim().trim_end_matches(';').contains(';') && !code.contains(BESIDE)
}

#[tokio::test]
async fn every_included_statement_can_be_prepared() {
    let world = World::shared().await;
    let client = world.database.connect().await;
    client.batch_execute(SCOPE).await.expect("a session's scope");
    let files = included();
    let parts: Vec<PathBuf> = files.iter().filter_map(|file| statement(file).1).collect();
    let (mut prepared, mut wrong) = (0, Vec::new());
    for file in &files {
        let sql = statement(file).0;
        if parts.contains(file) || !is_one_statement(&sql) {
            continue;
        }
        match client.prepare(&sql).await {
            Ok(_) => prepared += 1,
            Err(cause) => {
                let cause = cause.as_db_error().map_or(cause.to_string(), ToString::to_string);
                wrong.push(format!("{}: {cause}", file.display()));
            }
        }
    }
    assert!(prepared >= 50, "only {prepared} of {} files", files.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
