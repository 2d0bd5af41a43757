//! What every Rust source must say, and must not.

use crate::{
    Finding,
    rust_text::{Literal, RustText},
    tree::TextFile,
};

/// Lines of a file, its tests left out.
pub const LINES_MAX: usize = 500;
/// Lines of a file that is all tests.
pub const TEST_LINES_MAX: usize = 1_200;

/// Columns of a comment; rustfmt sees to the code.
pub const COMMENT_COLUMNS_MAX: usize = 100;

/// The only place, tests aside, that reads the environment.
const SETTINGS: &str = "services/baton/src/config.rs";
/// The only place of tests that may wait for time to pass.
const HARNESS: &str = "tests/harness/";
/// Names that say nothing about what a thing is about.
const EMPTY_NAMES: [&str; 8] =
    ["common", "util", "utils", "helper", "helpers", "types", "models", "misc"];

/// How SQL statements begin; words of English that begin so are told apart by the second word.
const SQL: [&[&str]; 12] = [
    &["select"],
    &["insert", "into"],
    &["update", "*", "set"],
    &["delete", "from"],
    &["create", "table index unique schema function role database extension view trigger or"],
    &["create", "user type sequence temp temporary unlogged materialized procedure domain"],
    &["alter", "table role database schema index function sequence"],
    &["drop", "table index schema function role database view trigger"],
    &["truncate"],
    &["with", "*", "as"],
    &["lock", "table"],
    &["set", "local session"],
];

/// Everything wrong with a source.
#[must_use]
pub fn check(file: &TextFile) -> Vec<Finding> {
    let rust = RustText::of(&file.text);
    let source = Source { file, rust: &rust, is_test: is_test_file(&file.path) };
    let rules =
        [header, length, comments, names, attributes, macros, sleeps, environment, sql_in_literals];
    rules.iter().flat_map(|rule| rule(&source)).collect()
}

struct Source<'a> {
    file: &'a TextFile,
    rust: &'a RustText,
    is_test: bool,
}

impl Source<'_> {
    fn is_test(&self, at: usize) -> bool {
        self.is_test || self.rust.is_test(at)
    }

    fn finding(&self, at: usize, rule: &'static str, mend: impl Into<String>) -> Finding {
        Finding::new(&self.file.path, self.rust.line(at), rule, mend)
    }
}

/// A file that is compiled for tests only, by its place or its name.
fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("_tests.rs")
}

fn header(source: &Source<'_>) -> Vec<Finding> {
    if source.file.text.starts_with("//! ") {
        return vec![];
    }
    vec![source.finding(0, "header", "open with `//!`: what it is for and what it must not do")]
}

fn length(source: &Source<'_>) -> Vec<Finding> {
    let (lines, max) = if source.is_test {
        (source.file.text.lines().count(), TEST_LINES_MAX)
    } else {
        (source.rust.lines_without_tests(), LINES_MAX)
    };
    if lines <= max {
        return vec![];
    }
    let mend = format!("{lines} lines are more than {max}: split it by meaning");
    vec![Finding::new(&source.file.path, max + 1, "length", mend)]
}

fn comments(source: &Source<'_>) -> Vec<Finding> {
    let lines = source.file.text.lines().enumerate();
    let wide = lines.filter(|(_, line)| {
        line.trim_start().starts_with("//") && line.chars().count() > COMMENT_COLUMNS_MAX
    });
    let mend = format!("break it: more than {COMMENT_COLUMNS_MAX} columns");
    wide.map(|(at, _)| Finding::new(&source.file.path, at + 1, "columns", mend.clone())).collect()
}

fn names(source: &Source<'_>) -> Vec<Finding> {
    let mend = |name: &str| format!("`{name}` says nothing: put a thing with what it is about");
    let stem = source.file.path.trim_end_matches(".rs");
    let parts = stem.split('/').filter(|part| EMPTY_NAMES.contains(part));
    let mut findings: Vec<Finding> =
        parts.map(|part| source.finding(0, "names", mend(part))).collect();
    for at in source.rust.words("mod") {
        let name = source.rust.code[at + 3..].trim_start();
        let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if EMPTY_NAMES.contains(&name.as_str()) {
            findings.push(source.finding(at, "names", mend(&name)));
        }
    }
    findings
}

fn attributes(source: &Source<'_>) -> Vec<Finding> {
    let code = &source.rust.code;
    let attributes = ["#[allow(", "#![allow(", ", allow("];
    let places = attributes.iter().flat_map(|attribute| code.match_indices(attribute));
    let mend = "say `#[expect(.., reason = \"..\")]`, which ends with its reason";
    places.map(|(at, _)| source.finding(at, "allow", mend)).collect()
}

fn macros(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in ["todo", "unimplemented", "dbg"] {
        for at in source.rust.words(name) {
            if source.rust.code[at + name.len()..].starts_with('!') {
                let mend = format!("finish it: `{name}!` is for the time of writing");
                findings.push(source.finding(at, "unfinished", mend));
            }
        }
    }
    findings
}

fn sleeps(source: &Source<'_>) -> Vec<Finding> {
    if source.file.path.starts_with(HARNESS) {
        return vec![];
    }
    let words = ["sleep", "sleep_until", "sleep_ms"].into_iter();
    let places = words.flat_map(|word| source.rust.words(word)).filter(|at| source.is_test(*at));
    let mend = "wait for a fact, never for time to pass; the harness has what waits";
    places.map(|at| source.finding(at, "sleep", mend)).collect()
}

fn environment(source: &Source<'_>) -> Vec<Finding> {
    if source.file.path == SETTINGS {
        return vec![];
    }
    let mut findings = Vec::new();
    for reader in ["var", "vars", "var_os", "vars_os"] {
        for at in source.rust.words(reader) {
            let after = at + reader.len();
            let is_read = source.rust.code[..at].ends_with("env::")
                && source.rust.code[after..].starts_with('(');
            // PATH is the system's and no setting of Baton's.
            let is_path = source.file.text[after..].starts_with("(\"PATH\")");
            if is_read && !is_path && !source.is_test(at) {
                let mend = format!("read settings in {SETTINGS} and hand them on");
                findings.push(source.finding(at, "environment", mend));
            }
        }
    }
    findings
}

fn sql_in_literals(source: &Source<'_>) -> Vec<Finding> {
    let literals = source.rust.literals.iter();
    let statements = literals.filter(|literal| is_sql(literal) && !source.is_test(literal.at));
    let mend = "put the statement into a .sql file of its own and include_str! it";
    statements.map(|literal| source.finding(literal.at, "sql", mend)).collect()
}

fn is_sql(literal: &Literal) -> bool {
    let text = literal.text.to_ascii_lowercase().replace("\\n", " ");
    let words: Vec<&str> = text.split([' ', '\n', '\t', '(']).filter(|it| !it.is_empty()).collect();
    let fits = |(word, wanted): (&&str, &&str)| {
        *wanted == "*" || wanted.split(' ').any(|wanted| wanted == *word)
    };
    // A word alone is a name; a statement has more.
    SQL.iter().any(|beginning| {
        words.len() > beginning.len().max(1) && words.iter().zip(*beginning).all(fits)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules_broken(path: &str, text: &str) -> Vec<String> {
        let findings = check(&TextFile::new(path, text));
        findings.iter().map(|it| format!("{}:{}", it.line, it.rule)).collect()
    }

    #[test]
    fn bad_examples_are_found() {
        for (path, text, found) in [
            ("a/src/lib.rs", "use std::fmt;\n", &["1:header"][..]),
            ("a/src/lib.rs", "//! x\n#[allow(dead_code)]\nfn f() {}\n", &["2:allow"]),
            ("a/src/lib.rs", "//! x\n#![allow(unused)]\n", &["2:allow"]),
            ("a/src/lib.rs", "//! x\n#[cfg_attr(x, allow(y))]\n", &["2:allow"]),
            ("a/src/lib.rs", "//! x\nfn f() { todo!() }\n", &["2:unfinished"]),
            ("a/src/lib.rs", "//! x\nfn f() { unimplemented!(); dbg!(1) }\n", &["2:unfinished"; 2]),
            ("a/src/lib.rs", "//! x\nlet x = std::env::var(\"X\");\n", &["2:environment"]),
            ("a/src/lib.rs", "//! x\nlet x = env::var_os(\"HOME\");\n", &["2:environment"]),
            ("a/tests/b.rs", "//! x\nthread::sleep(d);\n", &["2:sleep"]),
            ("tests/it/src/a.rs", "//! x\ntokio::time::sleep(d).await;\n", &["2:sleep"]),
            (
                "a/src/b.rs",
                "//! x\n#[cfg(test)]\nmod tests {\n  use time::sleep;\n}\n",
                &["4:sleep"],
            ),
            ("a/src/util.rs", "//! x\n", &["1:names"]),
            ("a/src/helpers/b.rs", "//! x\n", &["1:names"]),
            ("a/src/lib.rs", "//! x\npub mod types {\n}\n", &["2:names"]),
            ("a/src/lib.rs", "//! x\nlet s = \"SELECT 1\";\n", &["2:sql"]),
            ("a/src/lib.rs", "//! x\nlet s = \"\n  insert into x\";\n", &["2:sql"]),
            ("a/src/lib.rs", "//! x\nlet s = r#\"update t set x = 1\"#;\n", &["2:sql"]),
            ("a/src/lib.rs", "//! x\nlet s = \"delete from t\";\n", &["2:sql"]),
            ("a/src/lib.rs", "//! x\nlet s = \"create table t(x int)\";\n", &["2:sql"]),
            ("a/src/lib.rs", "//! x\nlet s = format!(\"with a as (select 1)\");\n", &["2:sql"]),
        ] {
            assert_eq!(rules_broken(path, text), found, "{path}: {text}");
        }
    }

    #[test]
    fn good_examples_pass() {
        for (path, text) in [
            ("a/src/lib.rs", "//! x\n#[expect(dead_code, reason = \"y\")]\nfn f() {}\n"),
            ("a/src/lib.rs", "//! x\n// todo!() or #[allow(x)]\nconst A: &str = \"dbg!\";\n"),
            ("a/src/lib.rs", "//! x\ntokio::time::sleep(backoff).await;\n"),
            ("tests/harness/src/lib.rs", "//! x\ntokio::time::sleep(d).await;\n"),
            ("services/baton/src/config.rs", "//! x\nlet x = std::env::var(\"X\");\n"),
            ("a/src/lib.rs", "//! x\nlet x = std::env::var_os(\"PATH\"); env!(\"X\");\n"),
            ("a/tests/b.rs", "//! x\nlet x = std::env::var(\"X\"); \"select 1\";\n"),
            (
                "a/src/lib.rs",
                "//! x\nlet s = [\"create agents\", \"delete\", \"update the task\"];\n",
            ),
            ("a/src/lib.rs", "//! x\nlet s = [\"select\", \"with care\", \"set\"];\n"),
            ("a/src/event.rs", "//! x\nlet model_types = 1;\n"),
        ] {
            assert_eq!(rules_broken(path, text), [""; 0], "{path}: {text}");
        }
    }

    #[test]
    fn comments_have_an_end() {
        let comment = |columns: usize| format!("//! x\n    // {}\n", "ä".repeat(columns - 7));
        assert_eq!(rules_broken("a/src/b.rs", &comment(COMMENT_COLUMNS_MAX)), [""; 0]);
        let wide = comment(COMMENT_COLUMNS_MAX + 1);
        assert_eq!(rules_broken("a/src/b.rs", &wide), ["2:columns"]);
        assert_eq!(rules_broken("a/src/b.rs", &wide.replace("//", "a /")), ["1:header"]);
    }

    #[test]
    fn lengths_are_counted_without_tests() {
        let code = |lines| format!("//! x\n{}", "fn f() {}\n".repeat(lines));
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "fn f() {}\n".repeat(900));
        assert_eq!(rules_broken("a/src/b.rs", &code(LINES_MAX - 1)), [""; 0]);
        assert_eq!(rules_broken("a/src/b.rs", &code(LINES_MAX)), ["501:length"]);
        assert_eq!(rules_broken("a/src/b.rs", &(code(LINES_MAX - 1) + &tests)), [""; 0]);
        for path in ["a/src/b_tests.rs", "a/tests/b.rs", "tests/it/src/b.rs"] {
            assert_eq!(rules_broken(path, &code(TEST_LINES_MAX - 1)), [""; 0]);
            assert_eq!(rules_broken(path, &code(TEST_LINES_MAX)), ["1201:length"]);
        }
    }
}
