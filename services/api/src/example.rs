//! What the OpenAPI document shows of an operation beside what its types say: examples of requests
//! and answers, and which errors it can end in.
//!
//! It must not know an operation; the resources bring their own.

use serde_json::{Map, Value, json};

use crate::problem::Problem;

/// Words of a summary that make the name of an example.
const NAME_WORDS: usize = 6;

/// Where `document` finds what an API shows.
#[derive(Debug, Clone, Copy)]
pub struct Examples {
    /// Of an operation, by its id.
    pub operation: fn(&str) -> Option<Operation>,
    /// Of a parameter, by the operation's path and its name.
    pub parameter: fn(&str, &str) -> Option<Parameter>,
}

/// What is shown of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// What it is; for those whose type does not say it.
    pub description: Option<&'static str>,
    /// A value that the operation takes.
    pub example: Value,
}

/// What is shown of one operation.
#[derive(Debug, Default)]
pub struct Operation {
    requests: Vec<(&'static str, Value)>,
    answers: Vec<(u16, &'static str, Value)>,
    refusals: Vec<Problem>,
}

impl Operation {
    /// An operation with this answer.
    #[must_use]
    pub fn answering(status: u16, summary: &'static str, body: Value) -> Self {
        Self::default().or(status, summary, body)
    }

    /// Another answer.
    #[must_use]
    pub fn or(mut self, status: u16, summary: &'static str, body: Value) -> Self {
        self.answers.push((status, summary, body));
        self
    }

    /// A body that it takes.
    #[must_use]
    pub fn to(mut self, summary: &'static str, body: Value) -> Self {
        self.requests.push((summary, body));
        self
    }

    /// Errors that it can end in, beside those that every operation of its kind can.
    #[must_use]
    pub fn refusing(mut self, refusals: impl IntoIterator<Item = Problem>) -> Self {
        self.refusals.extend(refusals);
        self
    }

    /// The statuses of its answers.
    pub fn answers(&self) -> impl Iterator<Item = u16> {
        self.answers.iter().map(|(status, ..)| *status)
    }

    /// The bodies that it takes.
    pub fn requests(&self) -> impl Iterator<Item = &Value> {
        self.requests.iter().map(|(_, body)| body)
    }

    /// The errors that it can end in.
    pub fn refusals(&self) -> &[Problem] {
        &self.refusals
    }

    /// The request examples, as OpenAPI writes them.
    pub(crate) fn shown_requests(&self) -> Value {
        shown(self.requests.iter().map(|(summary, body)| (*summary, body.clone())))
    }

    /// The examples of a successful answer, as OpenAPI writes them.
    pub(crate) fn shown_answers(&self, status: &str) -> Value {
        let of_status = self.answers.iter().filter(|(code, ..)| code.to_string() == status);
        shown(of_status.map(|(_, summary, body)| (*summary, body.clone())))
    }
}

/// Problems as OpenAPI writes examples; `instance` is the path of the request.
pub(crate) fn shown_problems<'p>(
    problems: impl IntoIterator<Item = &'p Problem>,
    instance: &str,
) -> Value {
    let problems = problems.into_iter();
    shown(problems.map(|problem| (problem.detail(), problem.document(instance))))
}

fn shown<'s>(examples: impl Iterator<Item = (&'s str, Value)>) -> Value {
    let named = examples
        .map(|(summary, value)| (name(summary), json!({ "summary": summary, "value": value })));
    Value::Object(named.collect::<Map<_, _>>())
}

/// `Hand the task over` is `hand-the-task-over`.
fn name(summary: &str) -> String {
    let words = summary.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty()).take(NAME_WORDS);
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_named_by_their_summaries() {
        let operation = Operation::answering(200, "The task, done", json!(1))
            .or(201, "A child", json!(2))
            .to("Hand it over: whole, at once, now", json!({}));
        let requests = operation.shown_requests();
        assert_eq!(
            requests["hand-it-over-whole-at-once"],
            json!({ "summary": "Hand it over: whole, at once, now", "value": {} })
        );
        let answers = operation.shown_answers("200");
        assert_eq!(answers["the-task-done"]["value"], 1);
        assert_eq!(answers.as_object().unwrap().len(), 1);
    }

    #[test]
    fn problems_are_shown_as_they_are_sent() {
        let shown = shown_problems(&[Problem::not_found("Task")], "/v1/tasks/1");
        let value = &shown["task-not-found"]["value"];
        assert_eq!((&value["status"], &value["instance"]), (&json!(404), &json!("/v1/tasks/1")));
    }
}
