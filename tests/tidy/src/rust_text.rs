//! Rust text taken apart: code without comments and literals, the literals, and which lines are
//! tests. Knows just enough of the language for that; it must not judge.

use std::ops::Range;

/// A string literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// Where its text begins, in bytes.
    pub at: usize,
    /// What is between the quotes, escapes as written.
    pub text: String,
}

/// A source file taken apart.
#[derive(Debug)]
pub struct RustText {
    /// The code, byte for byte where it was; comments and insides of literals are spaces.
    pub code: String,
    /// The string literals, in order.
    pub literals: Vec<Literal>,
    tests: Vec<Range<usize>>,
    line_starts: Vec<usize>,
}

impl RustText {
    /// Takes a source apart.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let (code, literals) = mask(text);
        let tests = test_items(&code);
        let newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(newlines).collect();
        Self { code, literals, tests, line_starts }
    }

    /// The line of a byte, from 1.
    #[must_use]
    pub fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// The byte belongs to an item that is only compiled for tests.
    #[must_use]
    pub fn is_test(&self, at: usize) -> bool {
        self.tests.iter().any(|item| item.contains(&at))
    }

    /// Lines that belong to no test item.
    #[must_use]
    pub fn lines_without_tests(&self) -> usize {
        let in_tests =
            |item: &Range<usize>| self.line(item.end.saturating_sub(1)) - self.line(item.start) + 1;
        let tests: usize = self.tests.iter().map(in_tests).sum();
        let empty_last = usize::from(self.code.ends_with('\n') || self.code.is_empty());
        self.line_starts.len() - empty_last - tests
    }

    /// Where the word stands in the code, whole.
    pub fn words<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        self.code.match_indices(word).map(|(at, _)| at).filter(move |at| {
            let before = self.code[..*at].chars().next_back();
            let after = self.code[at + word.len()..].chars().next();
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
    }
}

/// The code with comments and literals blanked, and the literals.
fn mask(text: &str) -> (String, Vec<Literal>) {
    let mut code = text.as_bytes().to_vec();
    let mut literals = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let end = if let Some(opening) = opening_at(text, at) {
            let start = at + opening.len;
            let inside = start..start + opening.inside_len(&text[start..]);
            literals.push(Literal { at: inside.start, text: text[inside.clone()].to_owned() });
            blank(&mut code, inside.clone());
            inside.end + opening.close.len()
        } else if rest.starts_with("//") {
            let end = at + rest.find('\n').unwrap_or(rest.len());
            blank(&mut code, at..end);
            end
        } else if rest.starts_with("/*") {
            let end = at + block_comment_len(rest);
            blank(&mut code, at..end);
            end
        } else if let Some(len) = char_literal_len(rest) {
            blank(&mut code, at + 1..at + len - 1);
            at + len
        } else {
            at + rest.chars().next().map_or(1, char::len_utf8)
        };
        at = end.min(text.len());
    }
    // Blanks replace whole characters by as many bytes, so this is still UTF-8.
    (String::from_utf8_lossy(&code).into_owned(), literals)
}

fn blank(code: &mut [u8], range: Range<usize>) {
    let end = range.end.min(code.len());
    for byte in &mut code[range.start..end] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

/// How a string literal begins and ends.
struct Opening {
    len: usize,
    close: String,
    is_raw: bool,
}

impl Opening {
    /// Bytes from the opening to the closing.
    fn inside_len(&self, inside: &str) -> usize {
        if self.is_raw {
            return inside.find(&self.close).unwrap_or(inside.len());
        }
        let mut escaped = false;
        let closing = inside.char_indices().find(|(_, c)| {
            let closes = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            closes
        });
        closing.map_or(inside.len(), |(at, _)| at)
    }
}

/// The string literal that begins at a byte.
fn opening_at(text: &str, at: usize) -> Option<Opening> {
    let rest = &text[at..];
    if rest.starts_with('"') {
        return Some(Opening { len: 1, close: "\"".to_owned(), is_raw: false });
    }
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    if text[..at].chars().next_back().is_some_and(is_part) {
        return None;
    }
    let prefix = ["br", "cr", "r", "b", "c"].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let after = &rest[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    let is_raw = prefix.ends_with('r');
    if !after[hashes..].starts_with('"') || (hashes > 0 && !is_raw) {
        return None;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    Some(Opening { len: prefix.len() + hashes + 1, close, is_raw })
}

fn block_comment_len(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a character literal, where one begins; a lifetime is none.
fn char_literal_len(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    if let Some(escape) = inside.strip_prefix('\\') {
        let first = escape.chars().next()?.len_utf8();
        return Some(2 + first + escape[first..].find('\'')? + 1);
    }
    let first = inside.chars().next()?.len_utf8();
    inside[first..].starts_with('\'').then_some(first + 2)
}

/// From each `#[cfg(test)]` to the end of its item.
fn test_items(code: &str) -> Vec<Range<usize>> {
    const MARK: &str = "#[cfg(test)]";
    let mut items: Vec<Range<usize>> = Vec::new();
    for (start, _) in code.match_indices(MARK) {
        if items.last().is_some_and(|item| item.contains(&start)) {
            continue;
        }
        let after = &code[start..];
        let body = after.find(['{', ';']).unwrap_or(after.len());
        let len = if after[body..].starts_with('{') {
            body + braces_len(&after[body..])
        } else {
            (body + 1).min(after.len())
        };
        items.push(start..start + len);
    }
    items
}

fn braces_len(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => (),
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literals(text: &str) -> Vec<String> {
        RustText::of(text).literals.into_iter().map(|literal| literal.text).collect()
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("todo!()") // x"#, r#"f("       ")     "#),
            (r#"f("a\"b", 'c', '\'', '"')"#, r#"f("    ", ' ', '  ', ' ')"#),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("let bar = br\"\\\"; x", "let bar = br\" \"; x"),
            ("r#\"a\"b\"# y", "r#\"   \"# y"),
        ] {
            assert_eq!(RustText::of(text).code, code);
        }
        assert_eq!(
            literals(r###"f("a", r"b\", r#"c"d"#, b"e", 'f')"###),
            ["a", r"b\", "c\"d", "e"]
        );
        assert_eq!(
            literals(
                r#"// "no"
            "yes" /* "no" */"#
            ),
            ["yes"]
        );
    }

    #[test]
    fn words_stand_alone() {
        let text = RustText::of("sleep(1); asleep(); sleep_until(x); time::sleep(2)");
        assert_eq!(text.words("sleep").count(), 2);
    }

    #[test]
    fn tests_are_items_marked_so() {
        let text =
            "//! x\n#[cfg(test)]\nmod given;\nfn a() {}\n#[cfg(test)]\nmod tests {\n  {}\n}\n";
        let rust = RustText::of(text);
        assert_eq!(rust.lines_without_tests(), 2);
        let is_test = |what: &str| rust.is_test(text.find(what).unwrap());
        assert!(is_test("mod given") && is_test("mod tests") && !is_test("fn a"));
        assert_eq!(rust.line(text.find("fn a").unwrap()), 4);
        assert_eq!(RustText::of("a\nb\n").lines_without_tests(), 2);
        assert_eq!(RustText::of("a\nb").lines_without_tests(), 2);
    }
}
