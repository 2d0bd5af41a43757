//! Changes that know the form of the input, so that a trial gets past the JSON parser: members
//! renamed, values replaced, lines, headers and parameters added, swapped and taken away, and the
//! seeds mixed in.
//!
//! Half of the trials stay libFuzzer's own, which keeps to no form. It must not judge an input.

use std::{collections::BTreeSet, sync::LazyLock};

use baton_domain::stored::EVENT_TYPES;
use fastrand::Rng;
use serde_json::{Map, Value, json};

use crate::seeds::{EVENTS, REQUESTS};

const DOCUMENT: &str = include_str!("../../../openapi/baton.json");

/// Names of members and parameters that some reader asks for.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    let mut names = BTreeSet::from(
        ["task_id", "changes", "parent", "fields", "from", "to", "kind", "transition", "waits"]
            .map(str::to_owned),
    );
    collect_names(&document, &mut names);
    names.into_iter().collect()
});

const TEXTS: [&str; 40] = [
    "",
    " ",
    "@writer",
    "a,b, ,c",
    "me",
    "none",
    "open",
    "done",
    "canceled",
    "required",
    "child",
    "handover",
    "reopened",
    "weekly",
    "admin",
    "auditor",
    "commit",
    "*",
    "task.*",
    "task.completed",
    "timestamped",
    "strict",
    "http://127.0.0.1:1/x",
    "https://user:word@example.com/",
    "2026-03-17",
    "0001-01-01",
    "9999-12-31",
    "10:00",
    "23:59:59",
    "2026-03-17T10:00:00.000Z",
    "-009999-01-02T00:00:00Z",
    "9999-12-31T23:59:59.999999999+23:59",
    "0000-01-01T00:00:00-23:59",
    "0198f0000000700080000000000000aa",
    "0198f000-0000-7000-8000-00000000000b",
    "00000000-0000-0000-0000-000000000000",
    "dlg_0123456789012345678901234567890123456789012",
    "\u{0}",
    "\u{10ffff}\u{202e}\u{feff}",
    "ß\u{130}\u{1e9e}",
];

const NUMBERS: [&str; 14] = [
    "0",
    "-0",
    "1",
    "5",
    "255",
    "256",
    "-1",
    "1.5",
    "1e308",
    "-1e-308",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551616",
];

const HEADERS: [&str; 9] = [
    "X-Agent-Key",
    "Authorization",
    "Idempotency-Key",
    "Baton-Min-Position",
    "X-Dedup-Check",
    "Last-Event-ID",
    "X-Request-Id",
    "Content-Length",
    "Origin",
];

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const PATHS: [&str; 8] =
    ["/v1/x", "/api/x/", "/v1/%FF", "/v1/a%2Fb", "/v1/a%00b", "/v1//", "/v2/x", "/v1/x/literal"];

/// Changes the input by a function of its text; `None` where libFuzzer shall change it.
pub fn in_place(
    data: &mut [u8],
    size: usize,
    size_max: usize,
    seed: u32,
    change: fn(&str, &mut Rng) -> String,
) -> Option<usize> {
    let mut rng = Rng::with_seed(u64::from(seed));
    let text = std::str::from_utf8(&data[..size]).ok();
    let text = text.filter(|text| text.trim().is_empty() || rng.bool())?;
    let changed = change(text, &mut rng);
    let fits = (1..=size_max.min(data.len())).contains(&changed.len());
    fits.then(|| {
        data[..changed.len()].copy_from_slice(changed.as_bytes());
        changed.len()
    })
}

/// Changes a history: see [`crate::history::fold`].
pub fn history(text: &str, rng: &mut Rng) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() || rng.u8(..10) == 0 {
        lines.insert(rng.usize(..=lines.len()), EVENTS[rng.usize(..EVENTS.len())].clone());
        return lines.join("\n");
    }
    let (at, other) = (rng.usize(..lines.len()), rng.usize(..lines.len()));
    match rng.u8(..10) {
        0 => lines.swap(at, other),
        1 => lines.insert(other, lines[at].clone()),
        2 => drop(lines.remove(at)),
        3 => lines[at] = with_word(&lines[at], rng),
        _ => {
            let words: Vec<&str> = lines[at].splitn(5, ' ').collect();
            if let [event_type, version, millis, actor, payload] = words[..] {
                let payload = changed_json(payload, rng);
                lines[at] = format!("{event_type} {version} {millis} {actor} {payload}");
            }
        }
    }
    lines.join("\n")
}

/// Another type, version, time or actor.
fn with_word(line: &str, rng: &mut Rng) -> String {
    let mut words: Vec<&str> = line.splitn(5, ' ').collect();
    let (at, new) = match rng.u8(..4) {
        0 => (0, EVENT_TYPES[rng.usize(..EVENT_TYPES.len())]),
        1 => (1, NUMBERS[rng.usize(..NUMBERS.len())]),
        2 => (2, NUMBERS[rng.usize(..NUMBERS.len())]),
        _ => (
            3,
            ["project", "system:policies", "agent:0198f000-0000-7000-8000-00000000000b"]
                [rng.usize(..3)],
        ),
    };
    if let Some(word) = words.get_mut(at) {
        *word = new;
    }
    words.join(" ")
}

/// Changes a request: see [`crate::read_request`].
pub fn request(text: &str, rng: &mut Rng) -> String {
    let seed = REQUESTS[rng.usize(..REQUESTS.len())].as_str();
    let text = if text.trim().is_empty() || rng.u8(..50) == 0 { seed } else { text };
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut head: Vec<String> = head.lines().map(str::to_owned).collect();
    let first = head.first().cloned().unwrap_or_default();
    let (method, uri) = first.split_once(' ').unwrap_or(("POST", "/v1/x"));
    let mut first = format!("{method} {uri}");
    let mut body = body.to_owned();
    match rng.u8(..10) {
        0 => {
            let (method, path) = (any(&METHODS, rng), any(&PATHS, rng));
            let query = uri.split_once('?').map(|(_, query)| format!("?{query}"));
            first = format!("{method} {path}{}", query.unwrap_or_default());
        }
        1 | 2 => {
            let sign = if uri.contains('?') { '&' } else { '?' };
            first = format!("{first}{sign}{}={}", name(rng), encoded(&word(rng)));
        }
        3 => head.push(format!("{}: {}", any(&HEADERS, rng), word(rng).replace('\0', ""))),
        4 if head.len() > 1 => drop(head.remove(rng.usize(1..head.len()))),
        _ => body = changed_json(&body, rng),
    }
    match head.first_mut() {
        Some(line) => *line = first,
        None => head.push(first),
    }
    format!("{}\n\n{body}", head.join("\n"))
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn changed_json(text: &str, rng: &mut Rng) -> String {
    let mut value = serde_json::from_str(text).unwrap_or_else(|_| json!({}));
    for _ in 0..rng.usize(1..4) {
        change(&mut value, rng);
    }
    value.to_string()
}

/// Changes one place of the value, found by a walk that may stop anywhere.
fn change(value: &mut Value, rng: &mut Rng) {
    match value {
        Value::Object(members) if rng.u8(..8) > 0 => change_members(members, rng),
        Value::Array(items) if rng.u8(..4) > 0 => match rng.u8(..4) {
            0 => items.push(any_value(rng)),
            1 if !items.is_empty() => {
                let item = items[rng.usize(..items.len())].clone();
                items.extend(vec![item; rng.usize(1..70)]);
            }
            2 if !items.is_empty() => drop(items.remove(rng.usize(..items.len()))),
            _ if !items.is_empty() => {
                let at = rng.usize(..items.len());
                change(&mut items[at], rng);
            }
            _ => (),
        },
        _ => *value = any_value(rng),
    }
}

fn change_members(members: &mut Map<String, Value>, rng: &mut Rng) {
    let keys: Vec<String> = members.keys().cloned().collect();
    let key = |rng: &mut Rng| keys.get(rng.usize(..keys.len().max(1))).cloned();
    match (rng.u8(..6), key(rng)) {
        (0, _) => drop(members.insert(name(rng), any_value(rng))),
        (1, Some(key)) => drop(members.remove(&key)),
        (2, Some(key)) => {
            let value = members.remove(&key).unwrap_or_default();
            members.insert(name(rng), value);
        }
        (_, Some(key)) => {
            if let Some(value) = members.get_mut(&key) {
                change(value, rng);
            }
        }
        (_, None) => drop(members.insert(name(rng), any_value(rng))),
    }
}

fn any_value(rng: &mut Rng) -> Value {
    match rng.u8(..10) {
        0 => Value::Null,
        1 => Value::Bool(rng.bool()),
        2 | 3 => {
            serde_json::from_str(any(&NUMBERS, rng)).unwrap_or_else(|_| Value::from(rng.i64(..)))
        }
        4 => json!([any_text(rng)]),
        5 => json!({ name(rng): any_text(rng) }),
        6 => {
            let mut value = json!(1);
            for _ in 0..rng.usize(1..80) {
                value = if rng.bool() { json!([value]) } else { json!({ "a": value }) };
            }
            value
        }
        _ => any_text(rng),
    }
}

fn any_text(rng: &mut Rng) -> Value {
    Value::from(word(rng))
}

fn word(rng: &mut Rng) -> String {
    match rng.u8(..12) {
        0 => any(&["x", "ä", "😀", " "], rng).repeat(rng.usize(1..2_100)),
        1 => any(&NUMBERS, rng).to_owned(),
        _ => any(&TEXTS, rng).to_owned(),
    }
}

fn name(rng: &mut Rng) -> String {
    NAMES[rng.usize(..NAMES.len())].clone()
}

fn any<'a>(words: &[&'a str], rng: &mut Rng) -> &'a str {
    words[rng.usize(..words.len())]
}

fn collect_names(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                names.extend(properties.keys().cloned());
            }
            if let (Some("query"), Some(name)) =
                (members.get("in").and_then(Value::as_str), members.get("name"))
            {
                names.extend(name.as_str().map(str::to_owned));
            }
            members.values().for_each(|value| collect_names(value, names));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_names(value, names)),
        _ => (),
    }
}
