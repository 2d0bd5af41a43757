//! SQL lives in named files: each is included by some source, or is a migration.

use std::collections::BTreeSet;

use crate::{Finding, rust_text::RustText, tree::TextFile};

/// The SQL files that nothing uses.
#[must_use]
pub fn check(sources: &[TextFile], sql: &[TextFile]) -> Vec<Finding> {
    let used: BTreeSet<String> = sources.iter().flat_map(included).collect();
    let is_migration = |file: &TextFile| file.path.split('/').any(|part| part == "migrations");
    let unused = sql.iter().filter(|file| !is_migration(file) && !used.contains(&file.path));
    let mend = "no source includes it: include_str! it or remove it";
    unused.map(|file| Finding::new(&file.path, 1, "unused sql", mend)).collect()
}

/// Paths, from the root, of the files that a source includes.
fn included(source: &TextFile) -> Vec<String> {
    let rust = RustText::of(&source.text);
    let macros = ["include_str!(", "include_bytes!("];
    let literals = rust.literals.iter().filter(|literal| {
        let before = rust.code[..literal.at - 1].trim_end();
        macros.iter().any(|name| before.ends_with(name))
    });
    literals.map(|literal| resolve(source.folder(), &literal.text)).collect()
}

fn resolve(folder: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "." | "" => (),
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_nothing_includes_is_found() {
        let source = r#"//! x
            const A: &str = include_str!("sql/a.sql");
            const B: &str = include_str!(
                "../migrations/b.sql"
            );
            // include_str!("sql/unused.sql")
            const C: &str = "sql/unused.sql";"#;
        let sources = [TextFile::new("events/log/src/read.rs", source)];
        let sql =
            ["src/sql/a.sql", "migrations/b.sql", "migrations/V1__x.sql", "src/sql/unused.sql"];
        let sql = sql.map(|path| TextFile::new(&format!("events/log/{path}"), "select 1"));
        let found: Vec<String> =
            check(&sources, &sql).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["events/log/src/sql/unused.sql"]);
    }
}
