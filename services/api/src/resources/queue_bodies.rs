//! The body of a claim of whatever task is next (protocol 1.4, 0.10).

use std::collections::BTreeSet;

use poem_openapi::Object;

use super::claim_bodies::read_lease;
use crate::{
    body::FromFields,
    field::Text,
    fields::{Fields, ListRule, Shape},
    schema::Nullable,
};

const LABELS: ListRule =
    ListRule { shape: Shape::ArrayOrCommas, items_max: 50, item: Text::filled(100) };
const REFERENCE: Text = Text::filled(2_000);

/// A claim of the next task.
#[derive(Debug)]
pub(super) struct NextClaim {
    pub(super) labels: BTreeSet<String>,
    /// A project's id as sent.
    pub(super) project: Option<String>,
    pub(super) lease_seconds: i64,
}

/// All optional: without any of them every task that waits for the caller is meant.
#[derive(Object)]
#[oai(rename = "NextClaim")]
pub(super) struct NextClaimDocument {
    /// Only a task with all of these.
    #[oai(validator(max_items = 50))]
    labels: Option<Nullable<Vec<String>>>,
    /// Only a task of this project; for those who may filter tasks by project.
    project_id: Option<Nullable<String>>,
    /// For how long; 300 when left out.
    #[oai(validator(minimum(value = "30"), maximum(value = "3600")))]
    lease_seconds: Option<i64>,
}

impl FromFields for NextClaim {
    type Document = NextClaimDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let labels = fields.texts("labels", LABELS).optional().unwrap_or_default();
        Self {
            labels: labels.into_iter().collect(),
            project: fields.text("project_id", REFERENCE).optional(),
            lease_seconds: read_lease(fields),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{body, drift};

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_body::<NextClaim>(), [""; 0]);
    }

    #[test]
    fn a_claim_without_a_body_is_for_any_task() {
        let read = body::parse::<NextClaim>(b"").unwrap().value;
        assert_eq!((read.labels.len(), read.project, read.lease_seconds), (0, None, 300));
        let read = body::parse::<NextClaim>(br#"{"labels": ["b", "a", "b"], "project_id": null}"#);
        assert_eq!(Vec::from_iter(read.unwrap().value.labels), ["a", "b"]);
        for wrong in [r#"{"labels": [""]}"#, r#"{"labels": 1}"#, r#"{"lease_seconds": 29}"#] {
            assert!(body::parse::<NextClaim>(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
