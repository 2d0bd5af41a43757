//! What of an event's payload never leaves: the one place that decides it.

use baton_domain::account;
use baton_log::RecordedEvent;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Error, Value};

/// Members of account payloads that are for Baton alone: what keys and tokens hash to, and the
/// beginning of a key, which only admins see.
const WITHHELD: [&str; 3] = ["key_hash", "token_hash", "key_prefix"];

/// The payload for the world: byte for byte as recorded, except for what must not leave.
pub(super) fn payload(event: &RecordedEvent) -> Result<Box<RawValue>, Error> {
    // Only Baton chooses the names in account payloads; a task's may hold anything of its user.
    if event.stream.kind != account::KIND {
        return RawValue::from_string(event.payload.clone());
    }
    let mut payload: Value = serde_json::from_str(&event.payload)?;
    withhold(&mut payload);
    to_raw_value(&payload)
}

fn withhold(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !WITHHELD.contains(&name.as_str()));
            members.values_mut().for_each(withhold);
        }
        Value::Array(items) => items.iter_mut().for_each(withhold),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
