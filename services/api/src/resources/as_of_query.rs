//! `as_of`: the moment that a read is about (protocol 0.14).

use baton_domain::Timestamp;
use baton_history::AsOf;
use poem_openapi::Object;

use crate::{
    moment,
    query::{FromParams, Params},
};

const WRONG: &str =
    "must be an RFC 3339 time such as 2026-03-17T10:00:00Z, or a position in the log, from 1 on";

/// The moment that a read is about.
#[derive(Object)]
#[oai(rename = "AsOfQuery")]
pub(super) struct AsOfQueryDocument {
    /// As it was then: an RFC 3339 time, or a position in the log. `Baton-Position` of the answer
    /// says where in the log it was.
    as_of: Option<String>,
}

/// The query of a read that takes nothing but the moment.
pub(super) struct AsOfQuery(pub(super) Option<AsOf>);

impl FromParams for AsOfQuery {
    type Document = AsOfQueryDocument;

    fn from_params(params: &mut Params<'_>) -> Self {
        Self(as_of(params))
    }
}

/// The moment; none where the read is about the present.
pub(super) fn as_of(params: &mut Params<'_>) -> Option<AsOf> {
    params.read("as_of", |text| parse(&text)).optional()
}

fn parse(text: &str) -> Result<AsOf, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let position = text.parse().ok().filter(|position: &i64| *position > 0);
        return position.map(AsOf::Position).ok_or_else(|| WRONG.to_owned());
    }
    let time = moment::timestamp(text).map_err(|_| WRONG.to_owned())?;
    Timestamp::from_millis(time.as_millisecond()).map(AsOf::Time).ok_or_else(|| WRONG.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift;

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_query::<AsOfQuery>(), [""; 0]);
    }

    #[test]
    fn a_moment_is_a_position_or_a_time() {
        let time = |millis| Ok(AsOf::Time(Timestamp::from_millis(millis).unwrap()));
        for (text, expected) in [
            ("1", Ok(AsOf::Position(1))),
            ("0042", Ok(AsOf::Position(42))),
            ("9223372036854775807", Ok(AsOf::Position(i64::MAX))),
            ("1970-01-01T00:00:01Z", time(1_000)),
            ("1970-01-01T01:00:00.0019+01:00", time(1)),
            ("0", Err(())),
            ("-1", Err(())),
            ("1.5", Err(())),
            ("9223372036854775808", Err(())),
            ("1970-01-01", Err(())),
            ("1970-01-01T00:00:00", Err(())),
            ("now", Err(())),
        ] {
            assert_eq!(parse(text).map_err(|_| ()), expected, "{text}");
        }
    }
}
