//! Examples of exports.

use serde_json::json;

use crate::{example::Operation, problem::Problem};

/// The table of one event.
const TABLE: &str = "position,account_seq,account_id,stream_kind,stream_id,...\n\
    42,42,default,task,0198c0de-0000-7000-8000-000000000011,...\n";
/// The beginning of one line, and of the last.
const LINE: &str = "{\"position\":42,\"account_seq\":42,\"account_id\":\"default\",\
    \"stream_kind\":\"task\",...,\"data\":{}}\n{\"manifest\":\"baton.export.v1\",...}\n";

pub(super) fn of(operation: &str) -> Option<Operation> {
    Some(match operation {
        "exportEvents" => {
            Operation::answering(200, "jsonl: an event and the manifest", json!(LINE))
                .or(200, "csv: a table of one event", json!(TABLE))
                .refusing([
                    Problem::forbidden(
                        "Only admins, auditors and the project token may export events",
                    ),
                    Problem::not_found("Checkpoint"),
                    Problem::invalid_field("format", "must be one of jsonl, csv"),
                ])
        }
        _ => return None,
    })
}
