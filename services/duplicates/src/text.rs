//! Texts as they are compared (protocol 1.2): the normal form of one, and the terms in it.
//!
//! A term is a word, or two words that follow each other once the stop words are out. The rules
//! are those of scikit-learn's `TfidfVectorizer` with its list of English stop words, so that
//! scores agree with other servers of the protocol. Nothing here counts or weighs.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
};

/// Words too common to tell texts apart: the list of the Glasgow Information Retrieval Group.
static STOP_WORDS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("stop_words.txt").split_whitespace().collect());

/// What agents put before what is to be done.
const PREFIXES: [&str; 4] = ["task", "todo", "action", "item"];

/// What stands for a term: its hash under the secret of its index. Nobody can choose two terms
/// that have the same, and by chance none of some millions do.
pub(crate) type TermHash = u64;

/// The text in lower case, without one of the prefixes and without space that says nothing.
pub(crate) fn normal_form(text: &str) -> String {
    let lower = text.to_lowercase();
    let text = lower.trim_matches(is_space);
    let rest = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix));
    let text = rest.map_or(text, |rest| rest.strip_prefix(':').unwrap_or(rest));
    let words: Vec<&str> = text.split(is_space).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// The terms of a normal form, each once, with how often it occurs; in no order that matters.
pub(crate) fn terms(form: &str, secret: &RandomState) -> Vec<(TermHash, u16)> {
    let words: Vec<&str> = words(form).collect();
    let pairs = words.windows(2).map(|pair| secret.hash_one((pair[0], pair[1])));
    let mut hashes: Vec<TermHash> =
        words.iter().map(|word| secret.hash_one(word)).chain(pairs).collect();
    hashes.sort_unstable();
    let times = |same: &[TermHash]| (same[0], u16::try_from(same.len()).unwrap_or(u16::MAX));
    hashes.chunk_by(|one, next| one == next).map(times).collect()
}

/// The words of at least two letters or digits that are no stop words.
fn words(form: &str) -> impl Iterator<Item = &str> {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let words = form.split(move |c| !is_of_word(c));
    words.filter(|word| word.chars().nth(1).is_some() && !STOP_WORDS.contains(word))
}

/// White space, the separators of ASCII included.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1C}'..='\u{1F}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_prefix_the_case_and_surplus_space_say_nothing() {
        for (text, form) in [
            ("  TODO: renew  the\n certificate ", "renew the certificate"),
            ("Task Fix it", "fix it"),
            ("task: todo: fix it", "todo: fix it"),
            ("ACTION:fix it", "fix it"),
            ("item\u{1F}fix\u{A0}it", "fix it"),
            ("fix the task", "fix the task"),
            ("tasks", "s"),
            ("todo:", ""),
            ("ÄRGER  mit\tΣΑΣ", "ärger mit σας"),
        ] {
            assert_eq!(normal_form(text), form, "{text:?}");
        }
    }

    #[test]
    fn words_have_two_letters_and_say_something() {
        for (form, expected) in [
            ("fix the c build on a server", &["fix", "build", "server"][..]),
            ("don't re-run e2e_tests 42 x 7", &["don", "run", "e2e_tests", "42"]),
            ("überprüfe café, 数据 库", &["überprüfe", "café", "数据"]),
            ("what is it", &[]),
            ("", &[]),
        ] {
            assert_eq!(words(form).collect::<Vec<_>>(), expected, "{form:?}");
        }
    }

    #[test]
    fn terms_are_words_and_pairs_across_stop_words() {
        let secret = RandomState::new();
        let one = |word: &str| secret.hash_one(word);
        let mut expected = vec![
            (one("renew"), 1),
            (one("mail"), 2),
            (secret.hash_one(("renew", "mail")), 1),
            (secret.hash_one(("mail", "mail")), 1),
        ];
        expected.sort_unstable();
        assert_eq!(terms("renew the mail of mail", &secret), expected);
        assert_eq!(terms("the of", &secret), []);
    }

    #[test]
    fn the_list_of_stop_words_is_whole() {
        assert_eq!(STOP_WORDS.len(), 318);
    }
}
