//! Scores against those of scikit-learn, and searches against a plain reading of the formula.

use std::collections::{BTreeMap, BTreeSet};

use baton_domain::{Actor, AgentId, account::Role, task::Reader};
use uuid::Uuid;

use super::*;
use crate::index::Document;

fn agent(n: u128) -> AgentId {
    AgentId(Uuid::from_u128(n))
}

fn worker(n: u128, route: &str) -> Standing {
    Standing {
        actor: Actor::Agent(agent(n)),
        role: Some(Role::Worker),
        permissions: vec![],
        routes: vec![route.to_owned()],
    }
}

fn document(n: u128, content: &str, readers: &[Reader]) -> Document {
    Document {
        task: TaskId(Uuid::from_u128(n)),
        created_at: Timestamp::from_millis(i64::try_from(n).unwrap()).unwrap(),
        content: content.to_owned(),
        readers: readers.to_vec(),
    }
}

fn put(index: &mut Index, document: Document) {
    index.set(document.task, Some(document));
}

/// Index of these contents: the first one is task 1, and the oldest.
fn index_of(contents: &[&str]) -> Index {
    let mut index = Index::default();
    for (n, content) in (1..).zip(contents) {
        put(&mut index, document(n, content, &[]));
    }
    index
}

fn found(index: &mut Index, caller: &Standing, content: &str, threshold: f64) -> Vec<(u128, f64)> {
    let matches = search(index, caller, content, threshold).unwrap_or_else(|| {
        index.view(caller);
        search(index, caller, content, threshold).unwrap()
    });
    matches.iter().map(|found| (found.task.0.as_u128(), found.score)).collect()
}

#[test]
fn scores_are_those_of_scikit_learn() {
    for (content, contents, scores) in GOLDEN {
        let mut index = index_of(contents);
        let mut expected: Vec<_> = (1..).zip(scores.iter().copied()).collect();
        expected.retain(|(_, score)| *score > 0.0);
        expected.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        expected.truncate(MATCHES_MAX);
        assert_eq!(found(&mut index, &Standing::project(), content, 0.001), expected, "{content}");
    }
}

#[test]
fn a_threshold_is_the_least_score_and_zero_lets_everything_pass() {
    let mut index = index_of(&["fix the login page", "fix the login", "water the plants"]);
    let mut at = |threshold| found(&mut index, &Standing::project(), "fix login page", threshold);
    let all = at(0.0);
    assert_eq!(all.iter().map(|(task, _)| *task).collect::<Vec<_>>(), [1, 2, 3]);
    // Equal but for a stop word: the same terms.
    assert_eq!((all[0].1, all[2].1), (1.0, 0.0));
    assert_eq!(at(1.0), all[..1]);
    assert_eq!(at(all[1].1 - 0.001), all[..2]);
    assert_eq!(at(all[1].1 + 0.001), all[..1]);
}

#[test]
fn equal_normal_forms_score_one_whatever_is_in_them() {
    let contents = ["TODO: check  disk usage", "check disk usage", "to be or not to be", "task:"];
    let mut index = index_of(&contents);
    let mut of = |content| found(&mut index, &Standing::project(), content, 0.9);
    assert_eq!(of("Check disk usage"), [(1, 1.0), (2, 1.0)]);
    assert_eq!(of("item To be or not to be"), [(3, 1.0)]);
    assert_eq!(of("item:"), []);
}

#[test]
fn of_those_that_score_the_same_the_oldest_five_are_shown() {
    let contents = ["rotate the keys of node"; 9].map(str::to_owned);
    let contents: Vec<String> = (10..).zip(contents).map(|(n, it)| format!("{it} {n}")).collect();
    let contents: Vec<&str> = contents.iter().map(String::as_str).collect();
    let mut index = index_of(&contents);
    let matches = found(&mut index, &Standing::project(), "rotate the keys of node 99", 0.1);
    assert_eq!(matches.iter().map(|(task, _)| *task).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

#[test]
fn only_what_the_caller_may_read_is_compared_and_counted() {
    let mut index = Index::default();
    let own = [Reader::Agent(agent(1))];
    let routed = [Reader::Route("data".to_owned())];
    for (n, content, readers) in [
        (1, "renew the certificate of the mail server", &own[..]),
        (2, "renew the certificate of the web server", &routed),
        (3, "renew the contract", &[]),
    ] {
        put(&mut index, document(n, content, readers));
    }
    let wanted = "renew the mail certificate";
    let only = |contents: &[&str]| {
        found(&mut index_of(contents), &Standing::project(), wanted, 0.001)
            .into_iter()
            .map(|(_, score)| score)
            .collect::<Vec<_>>()
    };
    for (caller, tasks, contents) in [
        (worker(1, "x"), &[1][..], &["renew the certificate of the mail server"][..]),
        (worker(2, "data"), &[2], &["renew the certificate of the web server"]),
        (worker(3, "x"), &[], &[]),
    ] {
        let matches = found(&mut index, &caller, wanted, 0.001);
        assert_eq!(matches.iter().map(|(task, _)| *task).collect::<Vec<_>>(), tasks);
        assert_eq!(matches.iter().map(|(_, score)| *score).collect::<Vec<_>>(), only(contents));
    }
}

/// What the formula says, read plainly: text by text, term by term.
fn plainly(documents: &[&Document], content: &str, threshold: f64) -> Vec<(u128, f64)> {
    let terms = |text: &str| {
        let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
        let pairs = words.windows(2).map(|pair| pair.join(" "));
        let mut terms = BTreeMap::new();
        for term in words.iter().map(|word| (*word).to_owned()).chain(pairs) {
            *terms.entry(term).or_insert(0.0) += 1.0;
        }
        terms
    };
    let others: Vec<_> = documents.iter().filter(|it| it.content != content).collect();
    let mut texts: Vec<BTreeMap<String, f64>> =
        others.iter().map(|it| terms(&it.content)).collect();
    texts.push(terms(content));
    let n = texts.len() as f64;
    let with = |term: &String| texts.iter().filter(|text| text.contains_key(term)).count() as f64;
    let all: BTreeSet<String> = texts.iter().flat_map(|text| text.keys().cloned()).collect();
    let idf: BTreeMap<String, f64> = all
        .into_iter()
        .map(|term| (term.clone(), ((1.0 + n) / (1.0 + with(&term))).ln() + 1.0))
        .collect();
    let vector = |text: &BTreeMap<String, f64>| -> BTreeMap<String, f64> {
        let weights = text.iter().map(|(term, times)| (term.clone(), times * idf[term]));
        let weights: BTreeMap<String, f64> = weights.collect();
        let length = weights.values().map(|weight| weight * weight).sum::<f64>().sqrt();
        weights.into_iter().map(|(term, weight)| (term, weight / length)).collect()
    };
    let wanted = vector(texts.last().unwrap());
    let mut scores: Vec<(i64, i64, u128)> = documents
        .iter()
        .filter(|it| it.content == content)
        .map(|it| (-1_000, it.created_at.as_millis(), it.task.0.as_u128()))
        .collect();
    for (document, text) in others.iter().zip(&texts) {
        let other = vector(text);
        let shared = wanted.iter().filter_map(|(term, weight)| Some(weight * other.get(term)?));
        let score: f64 = shared.sum();
        if score >= threshold - 1e-9 && (score > 0.0 || threshold <= 0.0) {
            let parts = -(score * 1_000.0).round() as i64;
            scores.push((parts, document.created_at.as_millis(), document.task.0.as_u128()));
        }
    }
    scores.sort_unstable();
    scores.truncate(MATCHES_MAX);
    scores.into_iter().map(|(parts, _, task)| (task, -parts as f64 / 1_000.0)).collect()
}

/// Some words of a small language without stop words; the first ones are common.
fn some_text(random: &mut fastrand::Rng) -> String {
    let words = random.usize(1..8);
    let word =
        |random: &mut fastrand::Rng| format!("w{:02}", random.u8(0..40).min(random.u8(0..40)));
    (0..words).map(|_| word(random)).collect::<Vec<_>>().join(" ")
}

#[test]
fn whatever_comes_and_goes_a_search_finds_what_the_formula_says() {
    let random = &mut fastrand::Rng::with_seed(6);
    let readers = [Reader::Agent(agent(1)), Reader::Agent(agent(2)), Reader::Route("r".into())];
    let callers = [Standing::project(), worker(1, "x"), worker(2, "r"), worker(3, "x")];
    let mut index = Index::default();
    let mut there: BTreeMap<u128, Document> = BTreeMap::new();
    for step in 0..300 {
        let n = random.u128(1..80);
        let document = random.u8(0..4).ne(&0).then(|| {
            let mut readers = readers.to_vec();
            readers.retain(|_| random.bool());
            document(n, &some_text(random), &readers)
        });
        index.set(TaskId(Uuid::from_u128(n)), document.clone());
        match document {
            Some(document) => there.insert(n, document),
            None => there.remove(&n),
        };
        let text = match there.values().next() {
            Some(document) if random.u8(0..4) == 0 => document.content.clone(),
            _ => some_text(random),
        };
        let threshold = [0.0, 0.1, 0.4, 0.6, 1.0][step % 5];
        for caller in &callers {
            let reads_all = caller.may(baton_domain::Right::ReadAllTasks);
            let is_theirs = |document: &&Document| {
                reads_all || caller.readers().any(|reader| document.readers.contains(&reader))
            };
            let theirs: Vec<&Document> = there.values().filter(is_theirs).collect();
            let expected = plainly(&theirs, &text, threshold);
            let matches = found(&mut index, caller, &text, threshold);
            assert_eq!(matches, expected, "step {step}, {caller:?}: {text:?} at {threshold}");
        }
    }
    for n in there.keys() {
        index.set(TaskId(Uuid::from_u128(*n)), None);
    }
    assert_eq!(index.bytes_of_documents(), 0, "nothing is left of what is gone");
}

/// A search among 100,000 open tasks, in milliseconds: of those who may read all, many or few.
#[test]
#[ignore = "measures; run it in release"]
fn how_long_a_search_takes() {
    let random = &mut fastrand::Rng::with_seed(6);
    for (name, like) in [("written", false), ("templated", true)] {
        let mut index = Index::default();
        let began = std::time::Instant::now();
        for n in 0..100_000 {
            let content = match like {
                true => format!("Process the open invoice number {n} of the customer"),
                false => {
                    let word = |r: &mut fastrand::Rng| {
                        format!(
                            "word{}",
                            r.u32(0..30_000).min(r.u32(0..30_000)).min(r.u32(0..3_000))
                        )
                    };
                    (0..12).map(|_| word(random)).collect::<Vec<_>>().join(" ")
                }
            };
            let few = [Reader::Agent(agent(1)), Reader::Agent(agent(2))];
            let readers = if n % 200 == 0 { &few[..] } else { &few[..1] };
            put(&mut index, document(n + 1, &content, readers));
        }
        println!("{name}: filled in {:?}, {} MB", began.elapsed(), index.bytes() / 1_000_000);
        let text = index.entry(7).unwrap().document.content.clone() + " again";
        for (who, caller) in
            [("all", Standing::project()), ("many", worker(1, "x")), ("few", worker(2, "x"))]
        {
            for threshold in [0.6, 0.1] {
                drop(found(&mut index, &caller, &text, threshold));
                let began = std::time::Instant::now();
                let matches = found(&mut index, &caller, &text, threshold);
                println!("{name}, {who} at {threshold}: {:?} {matches:?}", began.elapsed());
            }
        }
    }
}

type Golden = (&'static str, &'static [&'static str], &'static [f64]);

/// A text, the contents of open tasks, and what scikit-learn makes of each.
const GOLDEN: [Golden; 5] = [
    (
        "Renew the TLS certificate of the mail server",
        &[
            "TODO: renew the TLS  certificate of the mail server",
            "Renew the certificate of the mail server",
            "Renew TLS certificate mail server now",
            "Renew the certificate of the web server",
            "Restart the mail server",
            "Water the plants",
            "Renew the contract with the plumber",
        ],
        &[1.0, 0.629, 1.0, 0.215, 0.29, 0.0, 0.068],
    ),
    (
        "Research competitor pricing",
        &[
            "Research competitor pricing models",
            "Competitor research: pricing pages",
            "Research AI task management competitors",
            "Write blog post about pricing",
        ],
        &[0.738, 0.311, 0.071, 0.082],
    ),
    (
        "fix fix fix the build",
        &["fix the build", "fix build build on CI", "the build is fixed"],
        &[0.631, 0.34, 0.063],
    ),
    (
        "Überprüfe die Rechnung 2026-03 für Café Müller",
        &[
            "überprüfe die rechnung 2026-04 für café müller",
            "Rechnung für Café Müller bezahlen",
            "do nothing",
        ],
        &[0.673, 0.346, 0.0],
    ),
    (
        "item: e2e_tests don't pass on node-7",
        &["e2e_tests pass on node 7", "don't pass e2e tests", "node-7 is down"],
        &[0.567, 0.335, 0.308],
    ),
];
