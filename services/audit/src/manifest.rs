//! The last line of an export: what is in it, and what proves that (`docs/audit.md`, "Manifest").

use serde::{Deserialize, Serialize};

/// How the form is named.
pub(crate) const FORM: &str = "baton.export.v1";

/// What an export says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form.
    pub manifest: String,
    /// Whose events they are.
    pub account_id: String,
    /// Which were asked for. Nothing proves that all such events are in the file, unless `range`
    /// is there.
    pub filter: Filter,
    /// How many are in the file.
    pub events: u64,
    /// The first of them.
    pub first: Option<Place>,
    /// The last of them.
    pub last: Option<Place>,
    /// The file has every event of the account between these numbers.
    pub range: Option<Range>,
    /// Hashes of what was left out behind the last event.
    pub omitted: Vec<String>,
    /// How many events the tree has.
    pub tree_size: u64,
    /// Its root.
    pub root: String,
    /// The signed checkpoint of this size.
    pub checkpoint: String,
    /// The key by which it was signed.
    pub key: String,
}

/// Which events are asked for; none of them is all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Recorded at this time or later.
    pub from: Option<String>,
    /// Recorded before this time.
    pub to: Option<String>,
    /// Caused by this actor.
    pub actor: Option<String>,
    /// About this project, or a task that was in it before the event or after it.
    pub project_id: Option<String>,
    /// About a task of the chain that this one is in.
    pub task_id: Option<String>,
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// In the log.
    pub position: i64,
    /// Among the events of its account.
    pub account_seq: i64,
}

/// Every event of the account from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// `account_seq` of the first.
    pub from_seq: i64,
    /// `account_seq` of the last.
    pub to_seq: i64,
}

impl Manifest {
    /// Appends the line, with its end.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(&mut *out, self).expect("plain values always print");
        out.push(b'\n');
    }

    /// Reads the line, without its end, that has the one spelling of its values.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let manifest: Self = serde_json::from_str(text).map_err(|cause| cause.to_string())?;
        let mut again = Vec::with_capacity(text.len() + 1);
        manifest.write(&mut again);
        match again.strip_suffix(b"\n") == Some(text.as_bytes()) {
            true if manifest.manifest == FORM => Ok(manifest),
            true => Err(format!("is of the form \"{}\", not \"{FORM}\"", manifest.manifest)),
            false => Err("is not spelled as an export spells it".to_owned()),
        }
    }
}
