//! Readers for the fields of a JSON body (protocol 0.3, 0.4, 0.10): each takes one field, checks
//! its form and records what is wrong, so that one answer names every wrong field.
//!
//! They know forms, not meanings: no rule about tasks or agents belongs here.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::field::{Field, Found, Report, Text, choose};
use crate::moment;

/// Longest text where the protocol names no other limit.
pub const TEXT_CHARS_MAX: usize = 2_000;

pub use baton_domain::task::OBJECT_BYTES_MAX;

/// Above this a double no longer holds every integer.
const EXACT_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// One name of a field, or several: the first that has a value is read.
pub trait Names {
    /// The names in order of precedence.
    fn list(&self) -> &[&'static str];
}

impl Names for &'static str {
    fn list(&self) -> &[&'static str] {
        std::slice::from_ref(self)
    }
}

impl<const N: usize> Names for [&'static str; N] {
    fn list(&self) -> &[&'static str] {
        self
    }
}

/// How a list may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A JSON array.
    Array,
    /// A JSON array or a string of comma separated parts; parts are trimmed, empty ones dropped.
    ArrayOrCommas,
    /// A JSON array or one string that is the only item.
    ArrayOrOne,
}

/// Limits of a list of texts.
#[derive(Debug, Clone, Copy)]
pub struct ListRule {
    /// How it may be written.
    pub shape: Shape,
    /// The most items.
    pub items_max: usize,
    /// What each item must be.
    pub item: Text,
}

/// The fields of one JSON object. Fields that nobody reads are ignored.
pub struct Fields<'r> {
    map: Map<String, Value>,
    path: String,
    report: &'r mut Report,
}

impl<'r> Fields<'r> {
    pub(crate) fn new(map: Map<String, Value>, report: &'r mut Report) -> Self {
        Self { map, path: String::new(), report }
    }

    /// A text within limits.
    pub fn text(&mut self, names: impl Names, rule: Text) -> Field<'_, String> {
        self.read(names, |value| rule.check(string(value)?))
    }

    /// An id: a string, or a whole number that is read as its decimal string (protocol 0.3).
    pub fn id(&mut self, names: impl Names) -> Field<'_, String> {
        self.read(names, |value| Text::filled(TEXT_CHARS_MAX).check(id_string(value)?))
    }

    /// An agent's id or name; which of the two, and whether it exists, is decided later.
    pub fn agent(&mut self, names: impl Names) -> Field<'_, String> {
        self.id(names)
    }

    /// A whole number within a range.
    pub fn integer(&mut self, names: impl Names, range: RangeInclusive<i64>) -> Field<'_, i64> {
        self.read(names, |value| {
            let wrong = || format!("must be an integer from {} to {}", range.start(), range.end());
            let number = integer(&value).ok_or_else(wrong)?;
            if range.contains(&number) { Ok(number) } else { Err(wrong()) }
        })
    }

    /// A number within a range.
    pub fn number(&mut self, names: impl Names, range: RangeInclusive<f64>) -> Field<'_, f64> {
        self.read(names, |value| match value.as_f64() {
            Some(number) if range.contains(&number) => Ok(number),
            _ => Err(format!("must be a number from {} to {}", range.start(), range.end())),
        })
    }

    /// US dollars, as millionths of one.
    pub fn money(&mut self, names: impl Names) -> Field<'_, i64> {
        self.read(names, |value| {
            moment::money(value.as_f64().ok_or_else(|| "must be a number".to_owned())?)
        })
    }

    /// A JSON boolean; neither `"true"` nor `1`.
    pub fn boolean(&mut self, names: impl Names) -> Field<'_, bool> {
        self.read(names, |value| value.as_bool().ok_or_else(|| "must be a boolean".to_owned()))
    }

    /// One of some words, aliases included.
    pub fn choice<T: Clone>(&mut self, names: impl Names, words: &[(&str, T)]) -> Field<'_, T> {
        self.read(names, |value| choose(&string(value)?, words))
    }

    /// A date `YYYY-MM-DD`.
    pub fn date(&mut self, names: impl Names) -> Field<'_, Date> {
        self.read(names, |value| moment::date(&string(value)?))
    }

    /// A time `HH:MM` or `HH:MM:SS`, as sent.
    pub fn time_of_day(&mut self, names: impl Names) -> Field<'_, String> {
        self.read(names, |value| moment::time_of_day(string(value)?))
    }

    /// An RFC 3339 timestamp, in milliseconds.
    pub fn timestamp(&mut self, names: impl Names) -> Field<'_, Timestamp> {
        self.read(names, |value| moment::timestamp(&string(value)?))
    }

    /// A JSON object of at most [`OBJECT_BYTES_MAX`] bytes.
    pub fn object(&mut self, names: impl Names) -> Field<'_, Map<String, Value>> {
        self.read(names, |value| {
            let Value::Object(map) = value else {
                return Err("must be an object".to_owned());
            };
            if baton_domain::json::size_bytes(&map) <= OBJECT_BYTES_MAX {
                Ok(map)
            } else {
                Err(format!("must be at most {OBJECT_BYTES_MAX} bytes"))
            }
        })
    }

    /// All fields, for a body whose members are the client's own: an object like any other, known
    /// to the client by that name.
    pub fn all(&mut self, name: &str) -> Map<String, Value> {
        let map = std::mem::take(&mut self.map);
        if baton_domain::json::size_bytes(&map) > OBJECT_BYTES_MAX {
            self.report.wrong(name, format!("must be at most {OBJECT_BYTES_MAX} bytes"));
        }
        map
    }

    /// Any JSON value.
    pub fn any(&mut self, names: impl Names) -> Field<'_, Value> {
        self.read(names, Ok)
    }

    /// A list of texts.
    pub fn texts(&mut self, names: impl Names, rule: ListRule) -> Field<'_, Vec<String>> {
        self.list(names, rule, string)
    }

    /// A list of ids; numbers are read as decimal strings.
    pub fn ids(&mut self, names: impl Names, rule: ListRule) -> Field<'_, Vec<String>> {
        self.list(names, rule, id_string)
    }

    /// An object whose fields are read in turn; their errors carry its name.
    pub fn nested<T>(
        &mut self,
        names: impl Names,
        read: impl FnOnce(&mut Fields<'_>) -> T,
    ) -> Field<'_, T> {
        let (name, found) = self.take(names);
        let found = self.open(&name, found, |map, path, report| {
            let Value::Object(map) = map else {
                report.wrong(path, "must be an object");
                return None;
            };
            Some(read(&mut Fields { map, path: format!("{path}."), report }))
        });
        Field::new(name, found, self.report)
    }

    /// An array of at most `items_max` objects, each read in turn.
    pub fn nested_list<T>(
        &mut self,
        names: impl Names,
        items_max: usize,
        mut read: impl FnMut(&mut Fields<'_>) -> T,
    ) -> Field<'_, Vec<T>> {
        let (name, found) = self.take(names);
        let found = self.open(&name, found, |value, path, report| {
            let items = array(value, items_max).map_err(|message| report.wrong(path, message));
            let mut all = Vec::new();
            for (index, item) in items.ok()?.into_iter().enumerate() {
                let Value::Object(map) = item else {
                    report.wrong(format!("{path}[{index}]"), "must be an object");
                    continue;
                };
                let path = format!("{path}[{index}].");
                all.push(read(&mut Fields { map, path, report: &mut *report }));
            }
            Some(all)
        });
        Field::new(name, found, self.report)
    }

    /// True when the field is in the body, null included.
    pub fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// True when the field is in the body and not null.
    pub fn has_value(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    /// Records a rule between fields that does not hold (422).
    pub fn wrong(&mut self, field: &str, message: &str) {
        self.report.wrong(format!("{}{field}", self.path), message);
    }

    /// Refuses the request as a whole (400).
    pub fn refuse(&mut self, detail: impl Into<String>) {
        self.report.refuse(detail);
    }

    /// Refuses the chain fields of a new task with 400 (protocol 0.9): `root_task_id` always,
    /// `delegation_depth` unless it is 0 or null.
    pub fn refuse_chain_fields(&mut self) {
        if self.has("root_task_id") {
            self.refuse_kept("root_task_id");
        }
        let is_zero = |depth: &Value| depth.is_null() || integer(depth) == Some(0);
        if self.map.get("delegation_depth").is_some_and(|depth| !is_zero(depth)) {
            self.refuse_kept("delegation_depth");
        }
    }

    /// A field that the server keeps, in a record that is sent back: whoever decides compares it
    /// with what is. What can be no such value is refused with 400 (protocol 0.9).
    pub fn kept<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<Option<T>> {
        let value = self.map.get(name)?;
        if value.is_null() {
            return Some(None);
        }
        let parsed = parse(value);
        if parsed.is_none() {
            self.refuse_kept(name);
        }
        parsed.map(Some)
    }

    fn refuse_kept(&mut self, name: &str) {
        self.refuse(format!("{name} is kept by the server and cannot be set"));
    }

    /// Reads a field by a function of its value that says what is wrong.
    pub fn read<T>(
        &mut self,
        names: impl Names,
        parse: impl FnOnce(Value) -> Result<T, String>,
    ) -> Field<'_, T> {
        let (name, found) = self.take(names);
        let found = self.open(&name, found, |value, path, report| {
            parse(value).map_err(|message| report.wrong(path, message)).ok()
        });
        Field::new(name, found, self.report)
    }

    fn list(
        &mut self,
        names: impl Names,
        rule: ListRule,
        text: fn(Value) -> Result<String, String>,
    ) -> Field<'_, Vec<String>> {
        let (name, found) = self.take(names);
        let found = self.open(&name, found, |value, path, report| {
            let items = items(value, rule).map_err(|message| report.wrong(path, message)).ok()?;
            let mut all = Vec::with_capacity(items.len());
            for (index, item) in items.into_iter().enumerate() {
                match text(item).and_then(|text| rule.item.check(text)) {
                    Ok(text) => all.push(text),
                    Err(message) => report.wrong(format!("{path}[{index}]"), message),
                }
            }
            Some(all)
        });
        Field::new(name, found, self.report)
    }

    /// Takes the first of the names that has a value; a null only when none has.
    fn take(&mut self, names: impl Names) -> (String, Found<Value>) {
        let list = names.list();
        #[cfg(test)]
        for name in list {
            self.report.asked.insert(format!("{}{name}", self.path));
        }
        let full = |name: &str| format!("{}{name}", self.path);
        let given = list.iter().find(|name| self.map.get(**name).is_some_and(|v| !v.is_null()));
        if let Some(name) = given {
            let path = full(name);
            let value = self.map.remove(*name).unwrap_or_default();
            return (path, Found::Value(value));
        }
        match list.iter().find(|name| self.map.contains_key(**name)) {
            Some(name) => (full(name), Found::Null),
            None => (full(list.first().copied().unwrap_or_default()), Found::Absent),
        }
    }

    fn open<T>(
        &mut self,
        path: &str,
        found: Found<Value>,
        read: impl FnOnce(Value, &str, &mut Report) -> Option<T>,
    ) -> Found<T> {
        match found {
            Found::Absent => Found::Absent,
            Found::Null => Found::Null,
            Found::Wrong => Found::Wrong,
            Found::Value(value) => {
                read(value, path, self.report).map_or(Found::Wrong, Found::Value)
            }
        }
    }
}

fn string(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err("must be a string".to_owned()),
    }
}

fn id_string(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
        _ => Err("must be a string or a whole number".to_owned()),
    }
}

/// 2 and 2.0 are the integer 2 (JSON knows one kind of number); 1.5 and "5" are none.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let number = value.as_f64()?;
    if number.fract() != 0.0 || number.abs() > EXACT_INTEGER_MAX {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and in range, checked above")]
    Some(number as i64)
}

fn array(value: Value, items_max: usize) -> Result<Vec<Value>, String> {
    let Value::Array(items) = value else {
        return Err("must be an array".to_owned());
    };
    if items.len() <= items_max {
        Ok(items)
    } else {
        Err(format!("must have at most {items_max} items"))
    }
}

fn items(value: Value, rule: ListRule) -> Result<Vec<Value>, String> {
    let value = match (value, rule.shape) {
        (Value::String(text), Shape::ArrayOrCommas) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
        }
        (text @ Value::String(_), Shape::ArrayOrOne) => Value::Array(vec![text]),
        (value, _) => value,
    };
    array(value, rule.items_max)
}

#[cfg(test)]
#[path = "fields_tests.rs"]
mod tests;
