//! The house rules, as code: crate arrows, file headers and lengths, what sources must not say,
//! where SQL lives, what is cited. `tests/tidy.rs` holds them against the tree.
//!
//! Must not: need a database, a network or a built program; change a file.

pub mod arrows;
pub mod citations;
pub mod manifests;
pub mod rights;
pub mod rust_text;
pub mod sources;
pub mod sql_files;
pub mod tree;

use std::fmt;

/// A broken rule, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, from the root of the tree.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The rule's name.
    pub rule: &'static str,
    /// What to do about it.
    pub mend: String,
}

impl Finding {
    /// A finding at a line of a file.
    #[must_use]
    pub fn new(path: &str, line: usize, rule: &'static str, mend: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule, mend: mend.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {}: {}", self.path, self.line, self.rule, self.mend)
    }
}

/// The findings, one a line, sorted by place.
#[must_use]
pub fn report(mut findings: Vec<Finding>) -> String {
    findings.sort();
    findings.iter().map(|finding| format!("{finding}\n")).collect()
}
