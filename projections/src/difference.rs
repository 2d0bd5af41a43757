//! What differs between a row of a live model and the same row by the log, value by value, for
//! operators. Pure; it must not know a concrete model.

use serde_json::{Map, Value};

/// Values of one row that are told.
const VALUES_MAX: usize = 20;
/// Characters of a value that are told.
const VALUE_CHARS_MAX: usize = 200;

/// A row that the live model and its rebuild do not share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The table.
    pub table: String,
    /// Which row.
    pub key: String,
    /// The live row as JSON; none where there is none.
    pub live: Option<String>,
    /// The rebuilt row as JSON; none where there is none.
    pub rebuilt: Option<String>,
}

/// A value that differs, shortened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DifferentValue {
    /// The column, and where in it: `state.claim.by`.
    pub place: String,
    /// The live value as JSON; none where there is none.
    pub live: Option<String>,
    /// The rebuilt value as JSON; none where there is none.
    pub rebuilt: Option<String>,
}

impl Difference {
    /// The values that differ, where both rows are there; the first of them, if they are many.
    #[must_use]
    pub fn values(&self) -> Vec<DifferentValue> {
        let (Some(live), Some(rebuilt)) = (&self.live, &self.rebuilt) else { return Vec::new() };
        let mut found = Vec::new();
        match (object(live), object(rebuilt)) {
            (Some(live), Some(rebuilt)) => of_objects("", &live, &rebuilt, &mut found),
            _ => found.push(different("", Some(live), Some(rebuilt))),
        }
        found.truncate(VALUES_MAX);
        found
    }
}

fn of_objects(
    place: &str,
    live: &Map<String, Value>,
    rebuilt: &Map<String, Value>,
    found: &mut Vec<DifferentValue>,
) {
    let more = rebuilt.keys().filter(|name| !live.contains_key(*name));
    for name in live.keys().chain(more) {
        let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
        let (live, rebuilt) = (live.get(name), rebuilt.get(name));
        if live == rebuilt {
            continue;
        }
        match (live.and_then(within), rebuilt.and_then(within)) {
            (Some(live), Some(rebuilt)) if live != rebuilt => {
                of_objects(&place, &live, &rebuilt, found);
            }
            _ => found.push(different(&place, live, rebuilt)),
        }
    }
}

/// The object that a value is, or that stands in it as text.
fn within(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object.clone()),
        Value::String(text) => object(text),
        _ => None,
    }
}

fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

fn different<V: ToString>(place: &str, live: Option<V>, rebuilt: Option<V>) -> DifferentValue {
    let (live, rebuilt) = (live.map(shortened), rebuilt.map(shortened));
    DifferentValue { place: place.to_owned(), live, rebuilt }
}

fn shortened(value: impl ToString) -> String {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(live: &Value, rebuilt: &Value) -> Vec<[String; 3]> {
        let (table, key) = ("tasks".to_owned(), "k".to_owned());
        let (live, rebuilt) = (Some(live.to_string()), Some(rebuilt.to_string()));
        let told = |value: Option<String>| value.unwrap_or("-".to_owned());
        let values = Difference { table, key, live, rebuilt }.values().into_iter();
        let mut values: Vec<_> =
            values.map(|it| [it.place, told(it.live), told(it.rebuilt)]).collect();
        values.sort();
        values
    }

    #[test]
    fn what_differs_is_told_value_by_value() {
        let state = json!({ "status": "open", "claim": { "by": 1 }, "same": [1] }).to_string();
        let other = json!({ "status": "done", "same": [1], "claim": { "by": 2 } }).to_string();
        let live = json!({ "state": state, "priority": 1, "gone": null });
        let rebuilt = json!({ "state": other, "priority": 1, "new": "n" });
        assert_eq!(
            values(&live, &rebuilt),
            [
                ["gone", "null", "-"],
                ["new", "-", "\"n\""],
                ["state.claim.by", "1", "2"],
                ["state.status", "\"open\"", "\"done\""],
            ]
        );
    }

    #[test]
    fn what_is_the_same_but_for_its_text_is_told_as_text() {
        let found = values(&json!({ "state": "{\"a\":1}" }), &json!({ "state": "{ \"a\": 1}" }));
        assert_eq!(found, [["state", "\"{\\\"a\\\":1}\"", "\"{ \\\"a\\\": 1}\""]]);
    }

    #[test]
    fn what_is_long_or_much_is_shortened() {
        let live: Map<String, Value> =
            (0..100).map(|n| (n.to_string(), json!("\u{e4}".repeat(1_000)))).collect();
        let found = values(&Value::Object(live), &json!({}));
        assert_eq!(found.len(), VALUES_MAX);
        assert_eq!(found[0][1].chars().count(), VALUE_CHARS_MAX + 3);
    }
}
