//! Bodies of the commands that finish a task, and what they share with updates: objects, fences
//! and evidence (protocol 1.2).

use baton_domain::task::{Changes, EvidenceItem, EvidenceKind, Fence, Finish};
use poem_openapi::Object;

use crate::{
    body::FromFields,
    field::Text,
    fields::Fields,
    schema::{EvidenceItem as EvidenceDocument, JsonObject, Nullable},
};

const TEXT: Text = Text::up_to(2_000);
const EVIDENCE_ITEMS_MAX: usize = 5;
const EVIDENCE_WORDS: [(&str, EvidenceKind); 6] = [
    ("commit", EvidenceKind::Commit),
    ("pr", EvidenceKind::Pr),
    ("ci_check", EvidenceKind::CiCheck),
    ("deploy_sha", EvidenceKind::DeploySha),
    ("artifact_url", EvidenceKind::ArtifactUrl),
    ("command_output", EvidenceKind::CommandOutput),
];

/// What may be said with `complete`.
#[derive(Debug)]
pub(super) struct Completion(pub(super) Finish);

/// All optional.
#[derive(Object)]
#[oai(rename = "Completion")]
pub(super) struct CompletionDocument {
    /// Keys to add to or overwrite in `metadata`.
    metadata: Option<JsonObject>,
    /// Keys to merge deeply into `context`.
    context: Option<JsonObject>,
    /// What came out.
    #[oai(validator(max_length = 2000))]
    result_summary: Option<Nullable<String>>,
    /// Proof.
    #[oai(validator(max_items = 5))]
    evidence: Option<Vec<EvidenceDocument>>,
    /// Refuse with 409 unless the task has this revision.
    expected_revision: Option<i64>,
    /// Refuse with 409 unless the task has this claim generation.
    claim_generation: Option<i64>,
}

impl FromFields for Completion {
    type Document = CompletionDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let changes = Changes {
            result_summary: fields.text("result_summary", TEXT).patch().into_option(),
            ..read_objects(fields)
        };
        Self(Finish { changes, evidence: read_evidence(fields), fence: read_fence(fields) })
    }
}

/// What may be said with `fail`.
#[derive(Debug)]
pub(super) struct Failure(pub(super) Finish);

/// All optional.
#[derive(Object)]
#[oai(rename = "TaskFailure")]
pub(super) struct FailureDocument {
    /// What went wrong.
    #[oai(validator(max_length = 2000))]
    error_message: Option<Nullable<String>>,
    /// Keys to add to or overwrite in `metadata`.
    metadata: Option<JsonObject>,
    /// Keys to merge deeply into `context`.
    context: Option<JsonObject>,
    /// Refuse with 409 unless the task has this revision.
    expected_revision: Option<i64>,
    /// Refuse with 409 unless the task has this claim generation.
    claim_generation: Option<i64>,
}

impl FromFields for Failure {
    type Document = FailureDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let changes = Changes {
            error_message: fields.text("error_message", TEXT).patch().into_option(),
            ..read_objects(fields)
        };
        Self(Finish { changes, evidence: None, fence: read_fence(fields) })
    }
}

/// What may be said with `cancel`.
#[derive(Debug)]
pub(super) struct Cancellation(pub(super) Finish);

/// All optional.
#[derive(Object)]
#[oai(rename = "Cancellation")]
pub(super) struct CancellationDocument {
    /// Why; appended to `notes`.
    #[oai(validator(max_length = 2000))]
    reason: Option<Nullable<String>>,
    /// Keys to add to or overwrite in `metadata`.
    metadata: Option<JsonObject>,
}

impl FromFields for Cancellation {
    type Document = CancellationDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let reason = fields.text("reason", Text::filled(2_000)).optional();
        let changes = Changes {
            metadata: fields.object("metadata").optional(),
            notes: reason.into_iter().collect(),
            ..Changes::default()
        };
        Self(Finish { changes, ..Finish::default() })
    }
}

pub(super) fn read_objects(fields: &mut Fields<'_>) -> Changes {
    Changes {
        metadata: fields.object("metadata").optional(),
        context: fields.object("context").optional(),
        ..Changes::default()
    }
}

pub(super) fn read_fence(fields: &mut Fields<'_>) -> Fence {
    Fence {
        expected_revision: fields.integer("expected_revision", 0..=i64::MAX).optional(),
        claim_generation: fields.integer("claim_generation", 0..=i64::MAX).optional(),
    }
}

pub(super) fn read_evidence(fields: &mut Fields<'_>) -> Option<Vec<EvidenceItem>> {
    let item = |fields: &mut Fields<'_>| EvidenceItem {
        kind: fields.choice("kind", &EVIDENCE_WORDS).required_or(EvidenceKind::Commit),
        reference: fields.text("ref", Text::filled(500)).required(),
        summary: fields.text("summary", Text::up_to(500)).optional(),
    };
    fields.nested_list("evidence", EVIDENCE_ITEMS_MAX, item).optional()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift;

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_body::<Completion>(), [""; 0]);
        assert_eq!(drift::of_body::<Failure>(), [""; 0]);
        assert_eq!(drift::of_body::<Cancellation>(), [""; 0]);
    }
}
