//! The body of a check for duplicates (protocol 1.2, 0.10).

use poem_openapi::Object;

use super::task_bodies::CONTENT_CHARS_MAX;
use crate::{body::FromFields, field::Text, fields::Fields};

/// The least score of a duplicate, where nothing else is asked for.
pub(super) const THRESHOLD: f64 = 0.6;

const CONTENT: Text = Text::filled(CONTENT_CHARS_MAX);

/// A text, and how alike a duplicate is to it at least.
#[derive(Debug)]
pub(super) struct DuplicateCheck {
    pub(super) content: String,
    pub(super) threshold: f64,
}

/// What to look for.
#[derive(Object)]
#[oai(rename = "DuplicateCheck")]
pub(super) struct DuplicateCheckDocument {
    /// The content of the task that may be a duplicate.
    #[oai(validator(min_length = 1, max_length = 2000))]
    content: String,
    /// The least score of a match, 0 to 1; 0.6 when left out.
    #[oai(validator(minimum(value = "0"), maximum(value = "1")))]
    threshold: Option<f64>,
}

impl FromFields for DuplicateCheck {
    type Document = DuplicateCheckDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        Self {
            content: fields.text("content", CONTENT).required(),
            threshold: fields.number("threshold", 0.0..=1.0).or(THRESHOLD),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{body, drift};

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_body::<DuplicateCheck>(), [""; 0]);
    }

    #[test]
    fn a_threshold_may_be_left_out_and_is_from_0_to_1() {
        let read = |body: &str| body::parse::<DuplicateCheck>(body.as_bytes());
        for (body, threshold) in [
            (r#"{"content": "x"}"#, THRESHOLD),
            (r#"{"content": "x", "threshold": null}"#, THRESHOLD),
            (r#"{"content": "x", "threshold": 0}"#, 0.0),
            (r#"{"content": "x", "threshold": 1}"#, 1.0),
        ] {
            assert_eq!(read(body).unwrap().value.threshold.to_bits(), threshold.to_bits());
        }
        for body in [
            r#"{"content": "x", "threshold": 1.01}"#,
            r#"{"content": "x", "threshold": -0.1}"#,
            r#"{"content": "x", "threshold": "0.5"}"#,
            r#"{"content": " "}"#,
            r#"{"threshold": 0.5}"#,
        ] {
            assert_eq!(read(body).err().map(|problem| problem.status().as_u16()), Some(422));
        }
    }
}
