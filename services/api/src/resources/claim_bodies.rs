//! Bodies about claims: how long, what the holder does, what it leaves (protocol 1.4, 0.10).

use baton_domain::task::{Session, SessionState};
use poem_openapi::Object;

use super::task_query::STATE_WORDS;
use crate::{
    body::FromFields,
    field::Text,
    fields::Fields,
    schema::{Nullable, SessionState as SessionStateWord},
};

const WORDS: Text = Text::up_to(500);
const LEASE_SECONDS: i64 = 300;

/// A claim of one task.
#[derive(Debug)]
pub(super) struct ClaimRequest {
    pub(super) lease_seconds: i64,
}

/// All optional.
#[derive(Object)]
#[oai(rename = "ClaimRequest")]
pub(super) struct ClaimRequestDocument {
    /// For how long; 300 when left out.
    #[oai(validator(minimum(value = "30"), maximum(value = "3600")))]
    lease_seconds: Option<i64>,
}

impl FromFields for ClaimRequest {
    type Document = ClaimRequestDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        Self { lease_seconds: read_lease(fields) }
    }
}

/// A sign of life.
#[derive(Debug)]
pub(super) struct Heartbeat {
    pub(super) lease_seconds: i64,
    pub(super) session: Option<Session>,
    pub(super) claim_generation: Option<i64>,
}

/// All optional.
#[derive(Object)]
#[oai(rename = "Heartbeat")]
pub(super) struct HeartbeatDocument {
    /// For how long from now; 300 when left out.
    #[oai(validator(minimum(value = "30"), maximum(value = "3600")))]
    lease_seconds: Option<i64>,
    /// What the holder does.
    state: Option<Nullable<SessionStateWord>>,
    /// More about that, only together with `state`; without it what was said before is cleared.
    #[oai(validator(max_length = 500))]
    detail: Option<Nullable<String>>,
    /// Refuse with 409 unless the task has this claim generation.
    claim_generation: Option<i64>,
}

impl FromFields for Heartbeat {
    type Document = HeartbeatDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let lease_seconds = read_lease(fields);
        let has_state = fields.has_value("state");
        let state = fields.choice("state", &STATE_WORDS).optional();
        let detail = read_words(fields, "detail");
        if detail.is_some() && !has_state {
            fields.wrong("detail", "only goes with state");
        }
        let session = state.map(|state| Session { state, detail });
        Self { lease_seconds, session, claim_generation: read_generation(fields) }
    }
}

/// What the holder does.
#[derive(Debug)]
pub(super) struct SessionReport {
    pub(super) session: Session,
    pub(super) claim_generation: Option<i64>,
}

/// What the holder of a task does.
#[derive(Object)]
#[oai(rename = "SessionReport")]
pub(super) struct SessionReportDocument {
    /// In one word.
    state: SessionStateWord,
    /// In more; without it what was said before is cleared.
    #[oai(validator(max_length = 500))]
    detail: Option<Nullable<String>>,
    /// Refuse with 409 unless the task has this claim generation.
    claim_generation: Option<i64>,
}

impl FromFields for SessionReport {
    type Document = SessionReportDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let state = fields.choice("state", &STATE_WORDS).required_or(SessionState::Working);
        let session = Session { state, detail: read_words(fields, "detail") };
        Self { session, claim_generation: read_generation(fields) }
    }
}

/// What is left with a task that is given back.
#[derive(Debug)]
pub(super) struct Release {
    pub(super) handoff: Option<String>,
    pub(super) claim_generation: Option<i64>,
}

/// All optional.
#[derive(Object)]
#[oai(rename = "Release")]
pub(super) struct ReleaseDocument {
    /// For whoever takes the task next; what the holder said last when left out.
    #[oai(validator(max_length = 500))]
    handoff: Option<Nullable<String>>,
    /// Refuse with 409 unless the task has this claim generation.
    claim_generation: Option<i64>,
}

impl FromFields for Release {
    type Document = ReleaseDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let handoff = read_words(fields, "handoff");
        Self { handoff, claim_generation: read_generation(fields) }
    }
}

/// For how long, where a body says so.
pub(super) fn read_lease(fields: &mut Fields<'_>) -> i64 {
    fields.integer("lease_seconds", 30..=3_600).or(LEASE_SECONDS)
}

fn read_generation(fields: &mut Fields<'_>) -> Option<i64> {
    fields.integer("claim_generation", 0..=i64::MAX).optional()
}

/// Blank words say nothing.
fn read_words(fields: &mut Fields<'_>, name: &'static str) -> Option<String> {
    fields.text(name, WORDS).optional().filter(|words| !words.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{body, drift};

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_body::<ClaimRequest>(), [""; 0]);
        assert_eq!(drift::of_body::<Heartbeat>(), [""; 0]);
        assert_eq!(drift::of_body::<SessionReport>(), [""; 0]);
        assert_eq!(drift::of_body::<Release>(), [""; 0]);
    }

    #[test]
    fn what_is_left_out_has_its_meaning() {
        let read = body::parse::<Heartbeat>(b"").unwrap().value;
        assert_eq!((read.lease_seconds, read.session, read.claim_generation), (300, None, None));
        let read = body::parse::<Release>(br#"{"handoff": " \n"}"#).unwrap().value;
        assert_eq!(read.handoff, None);
        let read = body::parse::<SessionReport>(br#"{"state": "errored", "detail": null}"#);
        let Session { state, detail } = read.unwrap().value.session;
        assert_eq!((state, detail), (SessionState::Errored, None));
        for wrong in [
            r#"{"lease_seconds": 29}"#,
            r#"{"lease_seconds": 3601}"#,
            r#"{"detail": "d"}"#,
            r#"{"detail": "d", "state": null}"#,
            r#"{"state": "asleep"}"#,
        ] {
            assert!(body::parse::<Heartbeat>(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(body::parse::<SessionReport>(b"{}").is_err());
    }
}
