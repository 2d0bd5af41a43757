//! The words of a value, for full-text search: the texts, numbers and names in it, whatever its
//! shape.

use serde_json::Value;

/// Bytes of a value, and of a key, that are searched: of more the index could not be made, which
/// takes a megabyte, several times what the words take.
const BYTES_MAX: usize = 64 * 1_024;

/// The words of a value, as far as they are searched.
pub(super) fn of_value(value: &Value) -> String {
    let mut words = String::new();
    add(&mut words, value);
    words
}

/// The words of a key, as far as they are searched.
pub(super) fn of_key(key: &str) -> &str {
    within(key, BYTES_MAX)
}

fn add(words: &mut String, value: &Value) {
    match value {
        Value::Null => (),
        Value::Bool(flag) => add_text(words, if *flag { "true" } else { "false" }),
        Value::Number(number) => add_text(words, &number.to_string()),
        Value::String(text) => add_text(words, text),
        Value::Array(items) => items.iter().for_each(|item| add(words, item)),
        Value::Object(members) => {
            for (name, member) in members {
                add_text(words, name);
                add(words, member);
            }
        }
    }
}

fn add_text(words: &mut String, text: &str) {
    // One that does not fit ends the search in this value, but for what still fits of it.
    let left = BYTES_MAX.saturating_sub(words.len() + 1);
    if left > 0 && !text.is_empty() {
        words.push('\n');
        words.push_str(within(text, left));
    }
}

/// The beginning of a text, of so many bytes at most.
fn within(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_that_can_be_read_is_searched() {
        let value = json!({"rpm": 500, "tiers": ["Tier 1", {"burst": true}], "none": null});
        let words: Vec<String> = of_value(&value).split('\n').map(str::to_owned).collect();
        assert_eq!(words, ["", "none", "rpm", "500", "tiers", "Tier 1", "burst", "true"]);
        assert_eq!(of_value(&json!(null)), "");
    }

    #[test]
    fn what_is_searched_has_a_bound() {
        let long = "ä".repeat(BYTES_MAX);
        for value in [json!(long), json!({ long.clone(): 1, "k": [long, long] })] {
            let words = of_value(&value);
            assert!((BYTES_MAX - 4..=BYTES_MAX).contains(&words.len()), "{}", words.len());
        }
        assert!(of_key(&"ä".repeat(BYTES_MAX)).len() <= BYTES_MAX);
        assert_eq!(of_key("short"), "short");
    }
}
