//! Every form in which an event was ever stored can still be read. The files under `golden/` are
//! `<type>.v<version>[.<what>].json`; none may ever be changed or removed. A new version of a
//! payload adds a file; so does every member or word added to one that exists.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "golden files are read from disk")]

use std::{collections::BTreeSet, fs, path::Path};

use baton_domain::{
    Stored,
    account::AccountEvent,
    recurrence::RecurrenceEvent,
    stored::{EVENT_TYPES, Event},
    task::TaskEvent,
    webhook::WebhookEvent,
};
use serde_json::Value;

struct Golden {
    file: String,
    event_type: String,
    schema_version: i16,
    payload: Value,
}

fn goldens() -> Vec<Golden> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let golden: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let version = golden["schema_version"].as_i64().unwrap();
            Golden {
                file: path.file_stem().unwrap().to_str().unwrap().to_owned(),
                event_type: golden["event_type"].as_str().unwrap().to_owned(),
                schema_version: i16::try_from(version).unwrap(),
                payload: golden["payload"].clone(),
            }
        })
        .collect()
}

/// Reads a stored event of any stream and stores it again.
fn again(event_type: &str, version: i16, payload: &str) -> Stored {
    fn through<E: Event>(event_type: &str, version: i16, payload: &str) -> Stored {
        E::decode(event_type, version, payload).unwrap_or_else(|error| panic!("{error:?}")).encode()
    }
    match event_type.split_once('.').unwrap().0 {
        "task" => through::<TaskEvent>(event_type, version, payload),
        "webhook" => through::<WebhookEvent>(event_type, version, payload),
        "recurrence" => through::<RecurrenceEvent>(event_type, version, payload),
        _ => through::<AccountEvent>(event_type, version, payload),
    }
}

#[test]
fn every_stored_form_is_read_and_nothing_of_it_lost() {
    for golden in goldens() {
        let Golden { file, event_type, schema_version, payload } = golden;
        assert!(file.starts_with(&format!("{event_type}.v{schema_version}")), "{file}");
        let stored = again(&event_type, schema_version, &payload.to_string());
        assert_eq!(stored.event_type, event_type, "{file}");
        // An older version comes back in today's form; only today's must come back as it was.
        if stored.schema_version == schema_version {
            let read: Value = serde_json::from_str(&stored.payload).unwrap();
            assert_eq!(read, payload, "{file}");
        }
    }
}

#[test]
fn every_stored_form_has_its_golden_file() {
    let kept: BTreeSet<(String, i16)> =
        goldens().into_iter().map(|golden| (golden.event_type, golden.schema_version)).collect();
    // What the code can write and read, from its own text: an event nobody lists is found too.
    let code =
        concat!(include_str!("../src/stored.rs"), include_str!("../src/stored/recurrences.rs"));
    let after = |marker: &'static str| {
        code.match_indices(marker).map(move |(at, _)| &code[at + marker.len()..])
    };
    let in_quotes = |text: &'static str| {
        let text = text.trim_start().strip_prefix('"')?;
        text.split_once('"').filter(|(name, _)| name.contains('.'))
    };
    let written: BTreeSet<String> =
        after("stored(").filter_map(in_quotes).map(|(name, _)| name.to_owned()).collect();
    let read: BTreeSet<(String, i16)> = after("(")
        .filter_map(in_quotes)
        .filter_map(|(name, rest)| {
            let version = rest.strip_prefix(", ")?.split_once(')')?.0;
            Some((name.to_owned(), version.parse().ok()?))
        })
        .collect();
    assert_eq!(read, kept, "what is read, and what is kept under tests/golden");
    let kept_names: BTreeSet<String> = kept.into_iter().map(|(name, _)| name).collect();
    assert_eq!(written, kept_names, "what is written, and what is kept under tests/golden");
    assert!(written.len() >= 22, "{written:?}");
    assert!(written.iter().eq(EVENT_TYPES.iter()), "EVENT_TYPES of {written:?}");
}

#[test]
fn what_baton_never_wrote_is_refused_by_name() {
    for (event_type, version, payload, message) in [
        ("task.exploded", 1, "{}", "task.exploded version 1 is unknown to this version of Baton"),
        ("task.created", 99, "{}", "task.created version 99 is unknown to this version of Baton"),
        ("task.created", 1, "{}", "the payload of task.created version 1 is malformed"),
        ("task.claimed", 1, "[", "the payload of task.claimed version 1 is malformed"),
    ] {
        let error = TaskEvent::decode(event_type, version, payload).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}
