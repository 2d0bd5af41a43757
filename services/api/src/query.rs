//! Query parameters (protocol 0.4, 0.7): flags, lists, numbers and dates, with every wrong one
//! named in one answer. Parameters nobody reads are ignored; an empty value counts as absent.
//!
//! It must not know what a filter means, nor whether what it names exists.

use std::ops::{Deref, RangeInclusive};

use jiff::civil::Date;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::field::{Field, Found, Report, Text, choose};
use crate::moment;
use crate::page::{OFFSET_MAX, Window, WindowRule};
use crate::problem::Problem;

/// The most values of one list parameter.
const VALUES_MAX: usize = 1_000;

/// A type that is read from query parameters.
pub trait FromParams: Sized + Send {
    /// A `poem_openapi::Object` with one property per parameter; the OpenAPI document shows each
    /// as a parameter of its own.
    type Document: Type;

    /// Reads all its parameters; what is wrong goes into the report behind `params`.
    fn from_params(params: &mut Params<'_>) -> Self;
}

/// Extracts the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query<T>(pub T);

impl<T> Deref for Query<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'a, T: FromParams> ApiExtractor<'a> for Query<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::Document::register(registry);
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }

    // An exploded object is one parameter per property; `document` writes them out.
    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(T::Document::schema_ref())
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let pairs = request.params::<Vec<(String, String)>>().unwrap_or_default();
        Ok(Self(parse(pairs)?))
    }
}

/// The typed value of decoded pairs.
pub fn parse<T: FromParams>(pairs: Vec<(String, String)>) -> Result<T, Problem> {
    let mut report = Report::default();
    let value = T::from_params(&mut Params { pairs, report: &mut report });
    report.finish()?;
    Ok(value)
}

/// For tests: the names that a reader asks for.
#[cfg(test)]
pub(crate) fn asked<T: FromParams>() -> std::collections::BTreeSet<String> {
    let mut report = Report::default();
    T::from_params(&mut Params { pairs: Vec::new(), report: &mut report });
    report.asked
}

/// The parameters of one request, decoded.
pub struct Params<'r> {
    pairs: Vec<(String, String)>,
    report: &'r mut Report,
}

impl Params<'_> {
    /// true, false, 1, 0, yes or no in any case.
    pub fn flag(&mut self, name: &'static str) -> Field<'_, bool> {
        self.one(name).parse(|text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => Ok(true),
            "false" | "0" | "no" => Ok(false),
            _ => Err("must be true or false".to_owned()),
        })
    }

    /// A text within limits; also ids and agent references.
    pub fn text(&mut self, name: &'static str, rule: Text) -> Field<'_, String> {
        self.one(name).parse(|text| rule.check(text))
    }

    /// A whole number within a range.
    pub fn integer(&mut self, name: &'static str, range: RangeInclusive<i64>) -> Field<'_, i64> {
        self.one(name).parse(|text| match text.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(format!("must be an integer from {} to {}", range.start(), range.end())),
        })
    }

    /// A date `YYYY-MM-DD`.
    pub fn date(&mut self, name: &'static str) -> Field<'_, Date> {
        self.one(name).parse(|text| moment::date(&text))
    }

    /// One of some words, aliases included.
    pub fn choice<T: Clone>(&mut self, name: &'static str, words: &[(&str, T)]) -> Field<'_, T> {
        self.one(name).parse(|text| choose(&text, words))
    }

    /// A list of texts: the parameter repeated, or comma separated, or both.
    pub fn texts(&mut self, name: &'static str, item: Text) -> Field<'_, Vec<String>> {
        self.many(name, |text| item.check(text))
    }

    /// A list of words.
    pub fn choices<T: Clone>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Field<'_, Vec<T>> {
        self.many(name, |text| choose(&text, words))
    }

    /// Reads a parameter by a function of its text that says what is wrong.
    pub fn read<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(String) -> Result<T, String>,
    ) -> Field<'_, T> {
        self.one(name).parse(parse)
    }

    /// `limit` and `offset` (protocol 0.7).
    pub fn window(&mut self, rule: WindowRule) -> Window {
        Window {
            limit: self.integer("limit", 1..=rule.limit_max).or(rule.limit_default),
            offset: self.integer("offset", 0..=OFFSET_MAX).or(0),
        }
    }

    /// Records a rule between parameters that does not hold (422).
    pub fn wrong(&mut self, name: &str, message: &str) {
        self.report.wrong(name, message);
    }

    /// The last value wins, as it does in the servers these clients were written against.
    fn one(&mut self, name: &'static str) -> Field<'_, String> {
        let last = self.take(name).pop();
        Field::new(name.to_owned(), last.map_or(Found::Absent, Found::Value), self.report)
            .check(|text| !text.contains('\0'), "must not contain U+0000")
    }

    fn many<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(String) -> Result<T, String>,
    ) -> Field<'_, Vec<T>> {
        let given = self.take(name);
        let parts = given.iter().flat_map(|text| text.split(',')).map(str::trim);
        let parts: Vec<_> = parts
            // Not `part.is_empty()`: on a `&&str` that is a method of the library's `Type`.
            .filter(|part| !str::is_empty(part))
            .map(str::to_owned)
            .collect();
        let found = if parts.is_empty() { Found::Absent } else { Found::Value(parts) };
        Field::new(name.to_owned(), found, self.report)
            .check(|parts| parts.len() <= VALUES_MAX, "has too many values")
            .check(|parts| !parts.iter().any(|p| p.contains('\0')), "must not contain U+0000")
            .parse(|parts| parts.into_iter().map(parse).collect())
    }

    fn take(&mut self, name: &'static str) -> Vec<String> {
        #[cfg(test)]
        self.report.asked.insert(name.to_owned());
        let values = self.pairs.extract_if(.., |(key, value)| key == name && !value.is_empty());
        values.map(|(_, value)| value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(query: &str, read: impl FnOnce(&mut Params<'_>) -> T) -> Result<T, String> {
        let request = Request::builder().uri_str(format!("/tasks?{query}")).finish();
        let pairs = request.params().unwrap();
        let mut report = Report::default();
        let value = read(&mut Params { pairs, report: &mut report });
        report.finish().map(|()| value).map_err(|problem| {
            assert_eq!(problem.status().as_u16(), 422);
            problem.detail().to_owned()
        })
    }

    #[test]
    fn flags_in_every_spelling() {
        let rows = [
            ("completed=true", Ok(Some(true))),
            ("completed=True", Ok(Some(true))),
            ("completed=TRUE", Ok(Some(true))),
            ("completed=1", Ok(Some(true))),
            ("completed=yes", Ok(Some(true))),
            ("completed=false", Ok(Some(false))),
            ("completed=False", Ok(Some(false))),
            ("completed=0", Ok(Some(false))),
            ("completed=No", Ok(Some(false))),
            ("completed=false&completed=true", Ok(Some(true))),
            ("completed=", Ok(None)),
            ("other=x", Ok(None)),
            ("completed=2", Err("completed must be true or false")),
            ("completed=on", Err("completed must be true or false")),
        ];
        for (query, expected) in rows {
            let got = read(query, |p| p.flag("completed").optional());
            assert_eq!(got, expected.map_err(str::to_owned), "{query}");
        }
    }

    #[test]
    fn lists_repeated_or_comma_separated() {
        let rows: [(&str, Option<&[&str]>); 8] = [
            ("labels=a&labels=b", Some(&["a", "b"])),
            ("labels=a,b", Some(&["a", "b"])),
            ("labels=a,b&labels=c", Some(&["a", "b", "c"])),
            ("labels=%40writer%2C%20x", Some(&["@writer", "x"])),
            ("labels=a+b", Some(&["a b"])),
            ("labels=a,,b,", Some(&["a", "b"])),
            ("labels=", None),
            ("", None),
        ];
        for (query, expected) in rows {
            let got = read(query, |p| p.texts("labels", Text::filled(100)).optional());
            let expected = expected.map(|l| l.iter().map(ToString::to_string).collect());
            assert_eq!(got, Ok(expected), "{query}");
        }
    }

    #[test]
    fn words_numbers_and_dates() {
        let words = [("open", 1), ("pending", 1), ("done", 2)];
        assert_eq!(
            read("s=pending,done", |p| p.choices("s", &words).optional()),
            Ok(Some(vec![1, 2]))
        );
        let wrong = read("s=open,x", |p| p.choices("s", &words).optional());
        assert_eq!(wrong, Err("s must be one of open, pending, done".to_owned()));
        assert_eq!(read("s=done", |p| p.choice("s", &words).optional()), Ok(Some(2)));

        assert_eq!(read("p=3", |p| p.integer("p", 1..=5).optional()), Ok(Some(3)));
        for query in ["p=6", "p=0", "p=1.5", "p=x", "p=+-1", "p=99999999999999999999", "p=1%00"] {
            assert!(read(query, |p| p.integer("p", 1..=5).optional()).is_err(), "{query}");
        }

        let date = read("d=2026-03-17", |p| p.date("d").optional());
        assert_eq!(date.map(|d| d.map(|d| d.to_string())), Ok(Some("2026-03-17".to_owned())));
        let wrong = read("d=2026-02-30", |p| p.date("d").optional());
        assert_eq!(wrong, Err("d must be a real date".to_owned()));
    }

    #[test]
    fn the_window_of_a_list() {
        let rule = WindowRule { limit_default: 500, limit_max: 1_000 };
        let limit = Err("limit must be an integer from 1 to 1000");
        let rows = [
            ("", Ok((500, 0))),
            ("limit=10&offset=20", Ok((10, 20))),
            ("limit=1000", Ok((1_000, 0))),
            ("limit=0", limit),
            ("limit=1001", limit),
            ("limit=ten", limit),
            ("offset=-1", Err("offset must be an integer from 0 to 10000")),
        ];
        for (query, expected) in rows {
            let got = read(query, |p| p.window(rule)).map(|w| (w.limit, w.offset));
            assert_eq!(got, expected.map_err(str::to_owned), "{query}");
        }
    }

    #[test]
    fn decoding_is_forgiving_and_every_wrong_parameter_is_named() {
        let text = |query| read(query, |p| p.text("q", Text::up_to(3)).optional());
        assert_eq!(text("q=%C3%A4"), Ok(Some("ä".to_owned())));
        assert_eq!(text("q=%zz"), Ok(Some("%zz".to_owned())));
        assert_eq!(text("q=%ff"), Ok(Some("\u{fffd}".to_owned())));
        assert_eq!(text("q=%00"), Err("q must not contain U+0000".to_owned()));
        assert_eq!(text("q=abcd"), Err("q must be at most 3 characters".to_owned()));
        let all = read("completed=x&priority=9&due=x&labels=%00", |p| {
            p.flag("completed").optional();
            p.integer("priority", 1..=5).optional();
            p.date("due").optional();
            p.texts("labels", Text::filled(100)).optional();
        });
        let detail = "completed must be true or false; priority must be an integer from 1 to 5; \
                      due must be a date in the form YYYY-MM-DD; labels must not contain U+0000";
        assert_eq!(all, Err(detail.to_owned()));
    }
}
