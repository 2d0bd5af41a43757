//! Events as a table for spreadsheets and databases (RFC 4180). It carries no proof.

use baton_ledger::shown;
use baton_log::RecordedEvent;

use crate::line::spelled;

/// The columns, named in the first line.
const COLUMNS: [&str; 15] = [
    "position",
    "account_seq",
    "account_id",
    "stream_kind",
    "stream_id",
    "version",
    "event_id",
    "event_type",
    "schema_version",
    "actor",
    "correlation_id",
    "causation_id",
    "recorded_at",
    "content_hash",
    "data",
];

/// Appends the line that names the columns.
pub(crate) fn write_columns(out: &mut Vec<u8>) {
    write_row(COLUMNS.map(str::to_owned), out);
}

/// Appends the line of an event.
pub(crate) fn write(event: &RecordedEvent, out: &mut Vec<u8>) {
    let causation_id = event.causation_id.map(|id| id.to_string());
    let cells = [
        event.position.to_string(),
        event.account_seq.to_string(),
        event.stream.account.clone(),
        event.stream.kind.clone(),
        event.stream.id.clone(),
        event.version.to_string(),
        event.event_id.to_string(),
        event.event_type.clone(),
        event.schema_version.to_string(),
        event.actor.clone(),
        event.correlation_id.to_string(),
        causation_id.unwrap_or_default(),
        spelled(event.recorded_at),
        shown(&event.content_hash),
        event.payload.clone(),
    ];
    write_row(cells, out);
}

fn write_row(cells: [String; COLUMNS.len()], out: &mut Vec<u8>) {
    for (place, cell) in cells.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        match cell.contains([',', '"', '\r', '\n']) {
            true => {
                let doubled = cell.replace('"', "\"\"");
                out.extend_from_slice(format!("\"{doubled}\"").as_bytes());
            }
            false => out.extend_from_slice(cell.as_bytes()),
        }
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_cell_is_quoted() {
        let mut cells = COLUMNS.map(str::to_owned);
        cells[0] = "1".to_owned();
        cells[14] = r#"{"a":"x,y"}"#.to_owned();
        let mut out = Vec::new();
        write_row(cells, &mut out);
        let line = String::from_utf8(out).unwrap();
        assert!(line.starts_with("1,account_seq,"), "{line}");
        assert!(line.ends_with(",content_hash,\"{\"\"a\"\":\"\"x,y\"\"}\"\r\n"), "{line}");
    }
}
