//! One event as one line of an export (`docs/audit.md`, "Export").
//!
//! A line has one spelling: what would be written for the values that were read must be what was
//! read, byte for byte. It must not know what an event means.

use std::borrow::Cow;

use baton_ledger::{Hash, read_hash, shown};
use baton_log::{RecordedEvent, StreamId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What stands before the payload, which is the last member.
const DATA: &str = ",\"data\":";

/// An event, and the hashes of what was left out between the line before and this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) event: RecordedEvent,
    pub(crate) omitted: Vec<Hash>,
}

/// Why a line is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    #[error("has no member \"data\" at its end")]
    NoData,
    #[error("is not an event of an export: {cause}")]
    Malformed { cause: String },
    #[error("has a member of another form: {0}")]
    Member(&'static str),
    #[error("is not spelled as an export spells it")]
    Spelling,
}

/// Everything but the payload, in the order in which it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head<'a> {
    position: i64,
    account_seq: i64,
    #[serde(borrow)]
    account_id: Cow<'a, str>,
    #[serde(borrow)]
    stream_kind: Cow<'a, str>,
    #[serde(borrow)]
    stream_id: Cow<'a, str>,
    version: i64,
    event_id: Uuid,
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    schema_version: i16,
    #[serde(borrow)]
    actor: Cow<'a, str>,
    correlation_id: Uuid,
    causation_id: Option<Uuid>,
    #[serde(borrow)]
    recorded_at: Cow<'a, str>,
    #[serde(borrow)]
    content_hash: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    omitted: Vec<String>,
}

/// Appends the line, with its end.
pub(crate) fn write(line: &Line, out: &mut Vec<u8>) {
    let Line { event, omitted } = line;
    let head = Head {
        position: event.position,
        account_seq: event.account_seq,
        account_id: Cow::Borrowed(&event.stream.account),
        stream_kind: Cow::Borrowed(&event.stream.kind),
        stream_id: Cow::Borrowed(&event.stream.id),
        version: event.version,
        event_id: event.event_id,
        event_type: Cow::Borrowed(&event.event_type),
        schema_version: event.schema_version,
        actor: Cow::Borrowed(&event.actor),
        correlation_id: event.correlation_id,
        causation_id: event.causation_id,
        recorded_at: Cow::Owned(spelled(event.recorded_at)),
        content_hash: Cow::Owned(shown(&event.content_hash)),
        omitted: omitted.iter().map(shown).collect(),
    };
    serde_json::to_writer(&mut *out, &head).expect("plain values always print");
    // The brace that ends the head.
    out.pop();
    out.extend_from_slice(DATA.as_bytes());
    out.extend_from_slice(event.payload.as_bytes());
    out.extend_from_slice(b"}\n");
}

/// Reads a line without its end.
pub(crate) fn read(text: &str) -> Result<Line, LineError> {
    // Inside a text a quotation mark stands behind a backslash: this is the member itself.
    let (head, data) = text.split_once(DATA).ok_or(LineError::NoData)?;
    let payload = data.strip_suffix('}').ok_or(LineError::NoData)?;
    let head = format!("{head}}}");
    let malformed = |cause: serde_json::Error| LineError::Malformed { cause: cause.to_string() };
    let head: Head<'_> = serde_json::from_str(&head).map_err(malformed)?;
    let line = line_of(head, payload)?;
    let mut again = Vec::with_capacity(text.len() + 1);
    write(&line, &mut again);
    match again.strip_suffix(b"\n") == Some(text.as_bytes()) {
        true => Ok(line),
        false => Err(LineError::Spelling),
    }
}

fn line_of(head: Head<'_>, payload: &str) -> Result<Line, LineError> {
    let recorded_at: Timestamp =
        head.recorded_at.parse().map_err(|_| LineError::Member("recorded_at"))?;
    let content_hash = read_hash(&head.content_hash).ok_or(LineError::Member("content_hash"))?;
    let omitted: Option<Vec<Hash>> = head.omitted.iter().map(|text| read_hash(text)).collect();
    let event = RecordedEvent {
        position: head.position,
        account_seq: head.account_seq,
        stream: StreamId {
            account: head.account_id.into_owned(),
            kind: head.stream_kind.into_owned(),
            id: head.stream_id.into_owned(),
        },
        version: head.version,
        event_id: head.event_id,
        event_type: head.event_type.into_owned(),
        schema_version: head.schema_version,
        payload: payload.to_owned(),
        actor: head.actor.into_owned(),
        correlation_id: head.correlation_id,
        causation_id: head.causation_id,
        recorded_at,
        content_hash,
    };
    Ok(Line { event, omitted: omitted.ok_or(LineError::Member("omitted"))? })
}

/// A time to the microsecond, which is all that the log can hold.
pub(crate) fn spelled(time: Timestamp) -> String {
    format!("{time:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(payload: &str, omitted: Vec<Hash>) -> Line {
        let stream = StreamId {
            account: "default".to_owned(),
            kind: "task".to_owned(),
            id: "a \"quoted\",\\\"data\\\": id \u{1f} ☃".to_owned(),
        };
        let event = RecordedEvent {
            position: 7,
            account_seq: 5,
            stream,
            version: 3,
            event_id: Uuid::from_u128(1),
            event_type: "task.completed".to_owned(),
            schema_version: 1,
            payload: payload.to_owned(),
            actor: "project".to_owned(),
            correlation_id: Uuid::from_u128(2),
            causation_id: None,
            recorded_at: "2026-03-17T10:31:07.25Z".parse().unwrap(),
            content_hash: [9; 32],
        };
        Line { event, omitted }
    }

    fn text(line: &Line) -> String {
        let mut out = Vec::new();
        write(line, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_is_read_as_it_was_written() {
        for payload in [r#"{"b": 1.0, "a": "é", "n": 1e5}"#, "{}", r#"{ ",\"data\":":1} "#] {
            for omitted in [vec![], vec![[1; 32], [2; 32]]] {
                let line = line(payload, omitted);
                let text = text(&line);
                assert!(text.ends_with(&format!(",\"data\":{payload}}}\n")), "{text}");
                assert_eq!(read(text.trim_end_matches('\n')).unwrap(), line);
            }
        }
        assert!(
            text(&line("{}", vec![])).contains("\"recorded_at\":\"2026-03-17T10:31:07.250000Z\"")
        );
    }

    #[test]
    fn a_line_has_one_spelling() {
        let text = text(&line("{}", vec![[1; 32]]));
        let text = text.trim_end_matches('\n');
        for (from, to) in [
            ("\"version\":3", "\"version\": 3"),
            ("\"version\":3", "\"version\":3.0"),
            ("\"version\":3", "\"version\":3,\"version\":3"),
            ("\"version\":3", "\"version\":3,\"more\":3"),
            (".250000Z", ".25Z"),
            (".250000Z", ".250000+00:00"),
            ("-0000-000000000001", "-0000-00000000000A"),
            ("☃", "\\u2603"),
            (",\"data\":{}}", ",\"data\":{}}}"),
            (",\"data\":{}}", ",\"data\":{}"),
            (",\"data\":{}}", "}"),
            ("\"position\":7,\"account_seq\":5", "\"account_seq\":5,\"position\":7"),
        ] {
            assert!(text.contains(from), "{from}");
            let other = text.replace(from, to);
            // Only the payload may be anything; its hash says what it was.
            let is_payload = read(&other).is_ok_and(|line| line.event.payload != "{}");
            assert!(is_payload || read(&other).is_err(), "{to}");
        }
    }
}
