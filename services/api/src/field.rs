//! One value read from a request, and the report of everything that is wrong with the request.
//!
//! Shared by bodies and queries: a reader records what it refuses and goes on, so that one answer
//! names every wrong field. It must not know where the value came from or what it is for.

use serde::Serialize;

use crate::problem::Problem;

/// A report stops growing here: nobody repairs a request from more errors than this.
const ERRORS_MAX: usize = 64;

/// One wrong field or parameter, as protocol 0.9 lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Its name or path: `priority`, `labels[2]`, `evidence[0].ref`.
    pub field: String,
    /// What is wrong, to be read after the name: `is required`.
    pub message: String,
}

/// What is wrong with a request, collected while it is read.
#[derive(Debug, Default)]
pub struct Report {
    errors: Vec<FieldError>,
    refusal: Option<String>,
    #[cfg(test)]
    pub(crate) asked: std::collections::BTreeSet<String>,
}

impl Report {
    /// Records a wrong field (422).
    pub fn wrong(&mut self, field: impl Into<String>, message: impl Into<String>) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(FieldError { field: field.into(), message: message.into() });
        }
    }

    /// Refuses the request as a whole (400); this wins over wrong fields.
    pub fn refuse(&mut self, detail: impl Into<String>) {
        self.refusal.get_or_insert(detail.into());
    }

    /// The problem that the request has, if any.
    pub fn finish(self) -> Result<(), Problem> {
        match self.refusal {
            Some(detail) => Err(Problem::bad_request(detail)),
            None if self.errors.is_empty() => Ok(()),
            None => Err(Problem::invalid(self.errors)),
        }
    }
}

/// Three wishes of a partial update for a nullable field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// The field is absent: leave the value as it is.
    #[default]
    Keep,
    /// The field is null: take the value away.
    Clear,
    /// The field has a value.
    Set(T),
}

impl<T> Patch<T> {
    /// The same wish with another type of value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(f(value)),
        }
    }

    /// `None` to keep, `Some(None)` to clear, `Some(Some(value))` to set.
    pub fn into_option(self) -> Option<Option<T>> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(None),
            Self::Set(value) => Some(Some(value)),
        }
    }
}

/// Limits of a text, in characters (Unicode scalar values). Nothing is ever trimmed.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    chars_max: usize,
    may_be_blank: bool,
}

impl Text {
    /// 1 to `chars_max` characters, not only white space.
    pub const fn filled(chars_max: usize) -> Self {
        Self { chars_max, may_be_blank: false }
    }

    /// 0 to `chars_max` characters of any kind.
    pub const fn up_to(chars_max: usize) -> Self {
        Self { chars_max, may_be_blank: true }
    }

    /// The text, or what is wrong with it.
    pub fn check(self, text: String) -> Result<String, String> {
        if !self.may_be_blank && text.trim().is_empty() {
            return Err("must not be blank".to_owned());
        }
        if text.len() > self.chars_max && text.chars().count() > self.chars_max {
            return Err(format!("must be at most {} characters", self.chars_max));
        }
        Ok(text)
    }

    /// The largest number of characters.
    pub const fn chars_max(self) -> usize {
        self.chars_max
    }
}

/// What was found under a name.
#[derive(Debug, PartialEq)]
pub(crate) enum Found<T> {
    Absent,
    Null,
    Value(T),
    /// Refused; the report has the reason.
    Wrong,
}

/// One value that was read. The last call says what its absence means.
#[must_use = "say what the absence of the field means: required, optional, or, change, patch"]
pub struct Field<'r, T> {
    name: String,
    found: Found<T>,
    report: &'r mut Report,
}

impl<'r, T> Field<'r, T> {
    pub(crate) fn new(name: String, found: Found<T>, report: &'r mut Report) -> Self {
        Self { name, found, report }
    }

    /// Absent and null are both `None`.
    pub fn optional(self) -> Option<T> {
        match self.found {
            Found::Value(value) => Some(value),
            Found::Absent | Found::Null | Found::Wrong => None,
        }
    }

    /// Absent and null are both the default.
    pub fn or(self, default: T) -> T {
        self.optional().unwrap_or(default)
    }

    /// The value must be there. What is returned in its place is never used: the report refuses
    /// the request before anybody looks at it.
    pub fn required(self) -> T
    where
        T: Default,
    {
        self.required_or(T::default())
    }

    /// [`Field::required`] for a type that has no default of its own.
    pub fn required_or(self, placeholder: T) -> T {
        match self.found {
            Found::Value(value) => value,
            Found::Wrong => placeholder,
            Found::Absent | Found::Null => {
                self.report.wrong(self.name, "is required");
                placeholder
            }
        }
    }

    /// For a partial update of a field that cannot be null: absent is `None`, null is refused.
    pub fn change(self) -> Option<T> {
        match self.found {
            Found::Value(value) => Some(value),
            Found::Absent | Found::Wrong => None,
            Found::Null => {
                self.report.wrong(self.name, "must not be null");
                None
            }
        }
    }

    /// For a partial update of a nullable field.
    pub fn patch(self) -> Patch<T> {
        match self.found {
            Found::Value(value) => Patch::Set(value),
            Found::Null => Patch::Clear,
            Found::Absent | Found::Wrong => Patch::Keep,
        }
    }

    /// Turns the value into another one, or refuses it.
    pub fn parse<U>(self, parse: impl FnOnce(T) -> Result<U, String>) -> Field<'r, U> {
        let found = match self.found {
            Found::Absent => Found::Absent,
            Found::Null => Found::Null,
            Found::Wrong => Found::Wrong,
            Found::Value(value) => match parse(value) {
                Ok(value) => Found::Value(value),
                Err(message) => {
                    self.report.wrong(&self.name, message);
                    Found::Wrong
                }
            },
        };
        Field { name: self.name, found, report: self.report }
    }

    /// Turns the value into another one.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Field<'r, U> {
        self.parse(|value| Ok(map(value)))
    }

    /// Refuses a value that does not hold.
    pub fn check(self, holds: impl FnOnce(&T) -> bool, message: &str) -> Self {
        self.parse(|value| if holds(&value) { Ok(value) } else { Err(message.to_owned()) })
    }
}

/// The value that a word stands for, or a message that lists the words.
pub(crate) fn choose<T: Clone>(word: &str, words: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, value)) = words.iter().find(|(name, _)| *name == word) {
        return Ok(value.clone());
    }
    let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
    Err(format!("must be one of {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report_of(read: impl FnOnce(Found<i64>, &mut Report), found: Found<i64>) -> Vec<String> {
        let mut report = Report::default();
        read(found, &mut report);
        report.errors.into_iter().map(|e| format!("{} {}", e.field, e.message)).collect()
    }

    #[test]
    fn what_absence_and_null_mean() {
        fn field(found: Found<i64>, report: &mut Report) -> Field<'_, i64> {
            Field::new("f".to_owned(), found, report)
        }
        let mut report = Report::default();
        assert_eq!(field(Found::Absent, &mut report).optional(), None);
        assert_eq!(field(Found::Null, &mut report).optional(), None);
        assert_eq!(field(Found::Value(1), &mut report).optional(), Some(1));
        assert_eq!(field(Found::Absent, &mut report).or(7), 7);
        assert_eq!(field(Found::Null, &mut report).or(7), 7);
        assert_eq!(field(Found::Absent, &mut report).change(), None);
        assert_eq!(field(Found::Value(1), &mut report).change(), Some(1));
        assert_eq!(field(Found::Absent, &mut report).patch(), Patch::Keep);
        assert_eq!(field(Found::Null, &mut report).patch(), Patch::Clear);
        assert_eq!(field(Found::Value(1), &mut report).patch(), Patch::Set(1));
        assert_eq!(field(Found::Wrong, &mut report).required(), 0);
        assert!(report.finish().is_ok());

        let required = |found, report: &mut Report| assert_eq!(field(found, report).required(), 0);
        let change = |found, report: &mut Report| assert_eq!(field(found, report).change(), None);
        assert_eq!(report_of(required, Found::Absent), ["f is required"]);
        assert_eq!(report_of(required, Found::Null), ["f is required"]);
        assert_eq!(report_of(change, Found::Null), ["f must not be null"]);
    }

    #[test]
    fn text_limits_count_characters_and_keep_white_space() {
        let rows = [
            (Text::filled(3), "", Err("must not be blank")),
            (Text::filled(3), " \t\n", Err("must not be blank")),
            (Text::filled(3), "\u{2003}", Err("must not be blank")),
            (Text::filled(3), " a ", Ok(" a ")),
            (Text::filled(3), "äöü", Ok("äöü")),
            (Text::filled(3), "äöüß", Err("must be at most 3 characters")),
            (Text::filled(1), "😀", Ok("😀")),
            (Text::up_to(3), "", Ok("")),
            (Text::up_to(3), "   ", Ok("   ")),
            (Text::up_to(3), "    ", Err("must be at most 3 characters")),
        ];
        for (rule, text, expected) in rows {
            let got = rule.check(text.to_owned());
            assert_eq!(got.as_deref().map_err(String::as_str), expected, "{text:?}");
        }
    }

    #[test]
    fn a_refusal_wins_over_wrong_fields_and_errors_are_bounded() {
        let mut report = Report::default();
        for n in 0..1_000 {
            report.wrong(format!("f{n}"), "is wrong");
        }
        assert_eq!(report.errors.len(), ERRORS_MAX);
        report.refuse("first");
        report.refuse("second");
        let problem = report.finish().unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.detail()), (400, "first"));
    }

    #[test]
    fn patch_maps_and_opens() {
        assert_eq!(Patch::Set(1).map(|n| n + 1), Patch::Set(2));
        assert_eq!(Patch::<i64>::Clear.map(|n| n + 1), Patch::Clear);
        assert_eq!(Patch::<i64>::Keep.into_option(), None);
        assert_eq!(Patch::<i64>::Clear.into_option(), Some(None));
        assert_eq!(Patch::Set(1).into_option(), Some(Some(1)));
    }
}
