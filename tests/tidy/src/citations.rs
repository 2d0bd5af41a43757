//! What is cited exists: `protocol 0.9` is a heading of `docs/protocol.md`.

use std::collections::BTreeSet;

use crate::{Finding, tree::TextFile};

/// The page that citations lead to.
pub const PROTOCOL: &str = "docs/protocol.md";

/// Endings of the files that cite it.
pub const ENDINGS: [&str; 6] = [".rs", ".sql", ".md", ".yaml", ".py", ".toml"];

const WORD: &str = "protocol ";

/// The numbers of the page's sections.
#[must_use]
pub fn sections(protocol: &str) -> BTreeSet<String> {
    let headings = protocol.lines().filter(|line| line.starts_with('#'));
    let numbers = headings.filter_map(|line| number(line.trim_start_matches(['#', ' '])));
    numbers.map(str::to_owned).collect()
}

/// The citations of a file that lead nowhere.
#[must_use]
pub fn check(file: &TextFile, sections: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        for cited in cited(line).filter(|cited| !sections.contains(*cited)) {
            let mend = format!("{PROTOCOL} has no section {cited}: write it, or cite another");
            findings.push(Finding::new(&file.path, at + 1, "citation", mend));
        }
    }
    findings
}

/// The sections that a line cites: `protocol 0.9`, `protocol 1.2, 1.3`.
fn cited(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices(WORD).flat_map(|(at, word)| {
        let list = line[at + word.len()..].split(", ");
        // A number that ends the list may stand before other text.
        list.map_while(number)
    })
}

/// The section number that a text begins with.
fn number(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    Some(text[..end].trim_end_matches('.')).filter(|number| !number.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_that_lead_nowhere_are_found() {
        let sections =
            sections("# The page\n\n## 4 Webhooks\n### 0.9 Errors\n\n0.8 is no heading\n");
        assert_eq!(sections.iter().collect::<Vec<_>>(), ["0.9", "4"]);
        // § stands for the word, so that this file cites nothing that is not there.
        for (line, lost) in [
            ("//! Errors (§0.9).", 0),
            ("//! Webhooks (§4), and the §itself.", 0),
            ("//! Lists (§0.9, 0.8).", 1),
            ("//! See §0.8 and §7.", 2),
            ("//! §0.90", 1),
            ("//! the wire §of another", 0),
        ] {
            let text = line.replace('§', WORD);
            let found = check(&TextFile::new("a/src/lib.rs", &text), &sections);
            assert_eq!(found.len(), lost, "{line}");
        }
    }
}
