//! The request headers an operation reads (protocol 0.8): `Idempotency-Key`, `X-Dedup-Check`,
//! `Baton-Min-Position`. Forms only; what they cause is decided by the commands and queries.

use poem::http::{HeaderMap, HeaderName};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaHeader, MetaParamIn, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::problem::Problem;

/// Name of the header that makes a POST safe to repeat.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// Name of the header by which a read waits for a write.
pub const MIN_POSITION: &str = "Baton-Min-Position";

/// Name of the header that asks for a look at similar tasks before one is created.
pub const DEDUP_CHECK: &str = "X-Dedup-Check";

const KEY_CHARS_MAX: usize = 255;

/// The `Idempotency-Key`: 1 to 255 visible ASCII characters.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    let visible = bytes.iter().all(u8::is_ascii_graphic);
    match value.to_str() {
        Ok(key) if visible && (1..=KEY_CHARS_MAX).contains(&bytes.len()) => {
            Ok(Some(key.to_owned()))
        }
        _ => Err(Problem::invalid_field(
            IDEMPOTENCY_KEY,
            format!("must be 1 to {KEY_CHARS_MAX} visible ASCII characters"),
        )),
    }
}

/// The position a read must have reached.
pub fn min_position(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(MIN_POSITION) else {
        return Ok(None);
    };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    match number {
        Some(position) if position >= 0 => Ok(Some(position)),
        _ => Err(Problem::invalid_field(MIN_POSITION, "must be a position, a whole number")),
    }
}

/// True when the duplicate check is asked for: `true`, `1` or `yes`.
pub fn dedup_check(headers: &HeaderMap) -> bool {
    let value = headers.get(DEDUP_CHECK).and_then(|value| value.to_str().ok());
    value
        .is_some_and(|text| ["true", "1", "yes"].iter().any(|word| text.eq_ignore_ascii_case(word)))
}

/// Extracts `X-Dedup-Check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DedupCheck(pub bool);

impl<'a> ApiExtractor<'a> for DedupCheck {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        let description = "`true`, `1` or `yes`: refuse with 409 when a similar open task exists.";
        Some(described(DEDUP_CHECK, "string", description))
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(Self(dedup_check(request.headers())))
    }
}

/// The schema of a header parameter. The macro would name the parameter after the argument, so
/// the true name travels as the title and `document` puts it in its place.
pub(crate) fn described(
    name: &'static str,
    ty: &'static str,
    description: &'static str,
) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(MetaSchema {
        title: Some(name.to_owned()),
        description: Some(description),
        ..MetaSchema::new(ty)
    }))
}

/// The schema of the `Idempotency-Key` parameter.
pub(crate) fn idempotency_key_schema() -> MetaSchemaRef {
    let description = "Makes the call safe to repeat: within 24 hours the same key with the same \
                       body gives the first answer again.";
    let limits = MetaSchema {
        min_length: Some(1),
        max_length: Some(KEY_CHARS_MAX),
        pattern: Some("^[!-~]+$".to_owned()),
        ..MetaSchema::ANY
    };
    described(IDEMPOTENCY_KEY, "string", description).merge(limits)
}

/// The schema of the `Baton-Min-Position` parameter.
pub(crate) fn min_position_schema() -> MetaSchemaRef {
    let description = "A `Baton-Position` from an earlier answer: the read waits until it shows \
                       at least that write.";
    described_position(MIN_POSITION, description)
}

/// [`described`] for a position in the log.
pub(crate) fn described_position(name: &'static str, description: &'static str) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(MetaSchema {
        title: Some(name.to_owned()),
        description: Some(description),
        format: Some("int64"),
        minimum: Some(0.0),
        ..MetaSchema::new("integer")
    }))
}

/// A response header as the OpenAPI document shows it; one that is required is always sent.
pub(crate) fn shown_header(
    name: &str,
    ty: &'static str,
    description: &str,
    required: bool,
) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required,
        deprecated: false,
        schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new(ty))),
    }
}

/// A response header that says `true` or is left out.
pub(crate) fn shown_mark(name: &str, description: &str) -> MetaHeader {
    let words = vec![serde_json::json!("true")];
    let schema = MetaSchema { enum_items: words, ..MetaSchema::new("string") };
    let schema = MetaSchemaRef::Inline(Box::new(schema));
    MetaHeader { schema, ..shown_header(name, "string", description, false) }
}

/// The header names of this module, for those who list what browsers may read.
pub(crate) fn static_name(name: &'static str) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).expect("the names in this crate are header names")
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    fn headers(name: &'static str, value: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(static_name(name), HeaderValue::from_bytes(value).unwrap());
        headers
    }

    #[test]
    fn idempotency_keys_are_visible_ascii() {
        let longest = "k".repeat(255);
        for good in ["a", "8e03978e-40d5-43dd-bc93-6894a57f9324", "\"quoted\"", "~!", &longest] {
            let got = idempotency_key(&headers(IDEMPOTENCY_KEY, good.as_bytes()));
            assert_eq!(got.unwrap().as_deref(), Some(good));
        }
        let too_long = "k".repeat(256);
        for bad in [&b""[..], b"a b", b"a\tb", b" ", "ä".as_bytes(), too_long.as_bytes()] {
            let problem = idempotency_key(&headers(IDEMPOTENCY_KEY, bad)).unwrap_err();
            assert_eq!(problem.status().as_u16(), 422, "{bad:?}");
            assert!(problem.detail().starts_with("Idempotency-Key must be"));
        }
        assert_eq!(idempotency_key(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn min_positions_are_whole_numbers() {
        let rows = [("0", Some(0)), ("42", Some(42)), ("9223372036854775807", Some(i64::MAX))];
        for (text, expected) in rows {
            let got = min_position(&headers(MIN_POSITION, text.as_bytes()));
            assert_eq!(got.unwrap(), expected);
        }
        for bad in ["", "-1", "1.5", "x", "0x1", "9223372036854775808", "1 2"] {
            let problem = min_position(&headers(MIN_POSITION, bad.as_bytes())).unwrap_err();
            assert_eq!(problem.status().as_u16(), 422, "{bad}");
        }
        assert_eq!(min_position(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn the_dedup_check_is_asked_for_in_three_words() {
        for word in ["true", "1", "yes", "True", "YES"] {
            assert!(dedup_check(&headers(DEDUP_CHECK, word.as_bytes())), "{word}");
        }
        for word in ["false", "0", "no", "", "on", "2"] {
            assert!(!dedup_check(&headers(DEDUP_CHECK, word.as_bytes())), "{word}");
        }
        assert!(!dedup_check(&HeaderMap::new()));
    }
}
