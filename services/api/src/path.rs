//! Ids in paths and the form of the path itself (protocol 0.1).
//!
//! An id is one decoded segment of any form; what matches nothing is 404, never 422. It must not
//! check whether an id has the form of its resource: the lookup says so by finding nothing.

use std::borrow::Cow;

use poem::http::Uri;
use poem::http::uri::PathAndQuery;
use poem::{Endpoint, Middleware, Request, Result};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromParameter, ParseResult, Type};

/// Extracts a path parameter: `Path<Id>`. (The macro finds it by this name.)
pub use poem_openapi::param::Path;

/// No id and no name is longer; what is longer names nothing.
const ID_CHARS_MAX: usize = 2_000;

/// An id or a name in a path, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id(String);

impl Id {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl Type for Id {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "string_id".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromParameter for Id {
    // An error here leaves as 404 (`catch`). A segment that does not decode to UTF-8 never gets
    // here: the router drops it, the parameter is missing, and that too leaves as 404.
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        let readable = !text.is_empty() && !text.contains('\0');
        if readable && text.chars().count() <= ID_CHARS_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::custom("names nothing"))
        }
    }
}

/// Middleware: one slash at the end of a path changes nothing. Empty segments stay as they are:
/// merging them would turn `/tasks//claim` into another operation.
pub struct TrailingSlash;

impl<E: Endpoint> Middleware<E> for TrailingSlash {
    type Output = TrailingSlashEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        TrailingSlashEndpoint { inner }
    }
}

/// The endpoint of [`TrailingSlash`].
pub struct TrailingSlashEndpoint<E> {
    inner: E,
}

impl<E: Endpoint> Endpoint for TrailingSlashEndpoint<E> {
    type Output = E::Output;

    async fn call(&self, mut request: Request) -> Result<E::Output> {
        if let Some(uri) = without_trailing_slash(request.uri()) {
            *request.uri_mut() = uri;
        }
        self.inner.call(request).await
    }
}

fn without_trailing_slash(uri: &Uri) -> Option<Uri> {
    let shorter = uri.path().strip_suffix('/').filter(|path| !str::is_empty(path))?;
    let text = match uri.query() {
        Some(query) => format!("{shorter}?{query}"),
        None => shorter.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_trailing_slash_is_taken_away() {
        let rows = [
            ("/v1/tasks/", Some("/v1/tasks")),
            ("/v1/tasks/?limit=1", Some("/v1/tasks?limit=1")),
            ("http://localhost/v1/tasks/", Some("http://localhost/v1/tasks")),
            ("/v1/tasks//", Some("/v1/tasks/")),
            ("/v1/tasks", None),
            ("/v1//tasks", None),
            ("/v1/tasks?x=/", None),
            ("/", None),
        ];
        for (from, to) in rows {
            let uri: Uri = from.parse().unwrap();
            let got = without_trailing_slash(&uri).map(|uri| uri.to_string());
            assert_eq!(got.as_deref(), to, "{from}");
        }
    }

    #[test]
    fn ids_are_opaque() {
        for good in ["a", "0", "my agent", "ä", "../x", "%", "a/b", "-"] {
            assert_eq!(
                Id::parse_from_parameter(good).ok().map(Id::into_string).as_deref(),
                Some(good)
            );
        }
        let long = "a".repeat(ID_CHARS_MAX + 1);
        for bad in ["", "a\0b", &long] {
            assert!(Id::parse_from_parameter(bad).is_err());
        }
    }
}
