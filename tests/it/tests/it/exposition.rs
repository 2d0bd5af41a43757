//! What `/metrics` says, read as strictly as the format is written down.
//!
//! Must not: know which metrics there are.

use std::collections::{BTreeMap, BTreeSet};

/// One line of values.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// Everything that was served.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exposition {
    pub(crate) help: BTreeMap<String, String>,
    pub(crate) kinds: BTreeMap<String, String>,
    pub(crate) samples: Vec<Sample>,
}

/// The families a sample's name may belong to: a histogram has three kinds of samples.
fn family<'a>(name: &'a str, kinds: &BTreeMap<String, String>) -> &'a str {
    let parts = ["_bucket", "_sum", "_count"];
    let of_histogram = parts.iter().filter_map(|part| name.strip_suffix(part));
    let histogram = |name: &&str| kinds.get(*name).is_some_and(|kind| kind == "histogram");
    of_histogram.into_iter().find(histogram).unwrap_or(name)
}

fn is_name(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(good)
}

/// `a="x",b="y"`, with the escapes of the format.
fn labels(text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("a label: {text}"));
        assert!(is_name(name) && !name.contains(':'), "{text}");
        let (mut value, mut end, mut escaped) = (String::new(), None, false);
        for (at, c) in after.char_indices() {
            match (escaped, c) {
                (true, 'n') => value.push('\n'),
                (true, '\\' | '"') => value.push(c),
                (true, _) => panic!("an unknown escape: {text}"),
                (false, '\\') => {}
                (false, '"') => {
                    end = Some(at);
                    break;
                }
                (false, _) => value.push(c),
            }
            escaped = !escaped && c == '\\';
        }
        let end = end.unwrap_or_else(|| panic!("a closed value: {text}"));
        assert!(labels.insert(name.to_owned(), value).is_none(), "a label twice: {text}");
        rest = &after[end + 1..];
        rest = match rest.strip_prefix(',') {
            Some(rest) => rest,
            None if rest.is_empty() => rest,
            None => panic!("a comma between labels: {text}"),
        };
    }
    labels
}

fn sample(line: &str) -> Sample {
    let (name, labels, value) = match line.split_once('{') {
        Some((name, rest)) => {
            let (inside, value) = rest.rsplit_once("} ").unwrap_or_else(|| panic!("{line}"));
            (name, labels(inside), value)
        }
        None => {
            let (name, value) = line.split_once(' ').unwrap_or_else(|| panic!("{line}"));
            (name, BTreeMap::new(), value)
        }
    };
    assert!(is_name(name), "a metric's name: {line}");
    let value = match value {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        value => value.parse().unwrap_or_else(|_| panic!("a number: {line}")),
    };
    Sample { name: name.to_owned(), labels, value }
}

impl Exposition {
    /// Reads the text format, version 0.0.4.
    #[track_caller]
    pub(crate) fn parse(text: &str) -> Exposition {
        assert!(text.ends_with('\n'), "the last line ends");
        let mut read = Exposition::default();
        let mut seen = BTreeSet::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help text");
                let again = read.help.insert(name.to_owned(), help.to_owned());
                assert!(again.is_none(), "help twice: {line}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                let known = ["counter", "gauge", "histogram", "summary", "untyped"];
                assert!(known.contains(&kind), "{line}");
                let again = read.kinds.insert(name.to_owned(), kind.to_owned());
                assert!(again.is_none(), "type twice: {line}");
            } else if !line.starts_with('#') {
                let sample = sample(line);
                let family = family(&sample.name, &read.kinds);
                assert!(read.kinds.contains_key(family), "a type before {line}");
                assert!(read.help.contains_key(family), "a help before {line}");
                let is_new = seen.insert((sample.name.clone(), sample.labels.clone()));
                assert!(is_new, "a sample twice: {line}");
                read.samples.push(sample);
            }
        }
        read.check_histograms();
        read
    }

    /// Buckets only grow, and the last one has everything.
    fn check_histograms(&self) {
        let mut last: BTreeMap<(String, BTreeMap<String, String>), (f64, f64)> = BTreeMap::new();
        for sample in self.samples.iter().filter(|sample| sample.name.ends_with("_bucket")) {
            let mut labels = sample.labels.clone();
            let bound = labels.remove("le").expect("a bucket's bound");
            let bound = match bound.as_str() {
                "+Inf" => f64::INFINITY,
                bound => bound.parse().expect("a bound is a number"),
            };
            let key = (sample.name.trim_end_matches("_bucket").to_owned(), labels);
            let before = last.insert(key, (bound, sample.value));
            let (bound_before, value_before) = before.unwrap_or((f64::NEG_INFINITY, 0.0));
            assert!(bound > bound_before && sample.value >= value_before, "{sample:?}");
        }
        for ((name, labels), (bound, value)) in last {
            assert!(bound.is_infinite(), "{name} has no last bucket");
            let labels: Vec<(&str, &str)> =
                labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(self.value(&format!("{name}_count"), &labels), Some(value), "{name}");
        }
    }

    /// The sum of the samples that have these labels, whatever others; none where there is none.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |sample: &&Sample| {
            let has = |(name, value): &(&str, &str)| {
                sample.labels.get(*name).is_some_and(|found| found == value)
            };
            sample.name == name && labels.iter().all(has)
        };
        let found: Vec<f64> = self.samples.iter().filter(has).map(|sample| sample.value).collect();
        (!found.is_empty()).then(|| found.iter().sum())
    }
}

#[test]
fn what_breaks_the_format_is_noticed() {
    let good = "# HELP a b\n# TYPE a counter\na{x=\"1\\\"}, \",y=\"2\"} 3\n";
    let read = Exposition::parse(good);
    assert_eq!(read.value("a", &[("x", "1\"}, "), ("y", "2")]), Some(3.0));
    assert_eq!(read.value("a", &[("y", "3")]), None);
    for bad in [
        "# HELP a b\n# TYPE a counter\na 3",
        "# HELP a b\na 3\n",
        "# TYPE a counter\na 3\n",
        "# HELP a b\n# TYPE a counter\na{x=\"1} 3\n",
        "# HELP a b\n# TYPE a counter\na three\n",
        "# HELP a b\n# TYPE a counter\na 3\na 4\n",
        "# HELP a b\n# TYPE a histogram\na_bucket{le=\"1\"} 3\na_sum 1\na_count 3\n",
    ] {
        let parsed = std::panic::catch_unwind(|| Exposition::parse(bad));
        assert!(parsed.is_err(), "{bad}");
    }
}
