//! The queries of the event feed.

use std::time::Duration;

use baton_commands::Caller;
use baton_domain::{Actor, account::Account, stored, task::Status, webhook};
use baton_log::EventFilter;
use poem_openapi::Object;
use uuid::Uuid;

use super::task_bodies::STATUS_WORDS;
use crate::{
    field::Text,
    query::{FromParams, Params},
};

const REFERENCE: Text = Text::filled(2_000);
const TYPE: Text = Text::filled(100);
const LIMIT_DEFAULT: i64 = 100;
const LIMIT_MAX: i64 = 1_000;
/// Positions that every client can write as a number.
const POSITION_MAX: i64 = 1 << 53;
/// How long a long poll may wait.
const WAIT_SECONDS_MAX: i64 = 30;
/// How long a wait for a task may be, and is: published clients give up after 30 seconds.
const TIMEOUT_SECONDS_MAX: i64 = 60;
const TIMEOUT_SECONDS_DEFAULT: i64 = 25;
const FINISHED: [Status; 3] = [Status::Completed, Status::Failed, Status::Cancelled];

/// Which events, and from where on.
#[derive(Object)]
#[oai(rename = "EventQuery")]
pub(super) struct EventQueryDocument {
    /// Only events above this position; from the beginning when left out.
    after: Option<i64>,
    /// At most so many, 1 to 1000; 100 when left out. There are fewer where they are large.
    limit: Option<i64>,
    /// Of any of these types, such as `task.completed`, or `task.*` for all that begin so.
    types: Option<Vec<String>>,
    /// About this task.
    task: Option<String>,
    /// Caused by this agent: its id, its name, or `me`.
    agent: Option<String>,
    /// Caused by the request with this id.
    correlation_id: Option<String>,
    /// Wait so many seconds, 0 to 30, until there is one. May answer earlier without any.
    wait: Option<i64>,
}

/// Which events, and from where on.
#[derive(Object)]
#[oai(rename = "EventStreamQuery")]
pub(super) struct EventStreamQueryDocument {
    /// Only events above this position; without it and `Last-Event-ID`, those to come.
    after: Option<i64>,
    /// Of any of these types, such as `task.completed`, or `task.*` for all that begin so.
    types: Option<Vec<String>>,
    /// About this task.
    task: Option<String>,
    /// Caused by this agent: its id, its name, or `me`.
    agent: Option<String>,
    /// Caused by the request with this id.
    correlation_id: Option<String>,
}

/// From where on.
#[derive(Object)]
#[oai(rename = "TaskEventsQuery")]
pub(super) struct TaskEventsQueryDocument {
    /// Only events above this position; from the beginning when left out.
    after: Option<i64>,
    /// At most so many, 1 to 1000; 100 when left out. There are fewer where they are large.
    limit: Option<i64>,
}

/// What to wait for.
#[derive(Object)]
#[oai(rename = "TaskWaitQuery")]
pub(super) struct TaskWaitQueryDocument {
    /// Any of these statuses, canonical words or aliases; completed, failed and cancelled when
    /// left out.
    until: Option<Vec<String>>,
    /// For so many seconds, 0 to 60; 25 when left out.
    timeout: Option<i64>,
}

/// `GET /events`.
pub(super) struct EventQuery {
    pub(super) wanted: Wanted,
    pub(super) after: i64,
    pub(super) limit: usize,
    pub(super) wait: Duration,
}

/// `GET /events/stream`.
pub(super) struct EventStreamQuery {
    pub(super) wanted: Wanted,
    pub(super) after: Option<i64>,
}

/// `GET /tasks/{id}/events`.
pub(super) struct TaskEventsQuery {
    pub(super) after: i64,
    pub(super) limit: usize,
}

/// `GET /tasks/{id}/wait`.
pub(super) struct TaskWaitQuery {
    pub(super) until: Vec<Status>,
    pub(super) timeout: Duration,
}

/// The filters, references still as sent.
pub(super) struct Wanted {
    pub(super) task: Option<String>,
    agent: Option<String>,
    filter: EventFilter,
}

impl FromParams for EventQuery {
    type Document = EventQueryDocument;

    fn from_params(params: &mut Params<'_>) -> Self {
        Self {
            after: after(params).unwrap_or_default(),
            limit: limit(params),
            wanted: Wanted::from_params(params),
            wait: seconds(params.integer("wait", 0..=WAIT_SECONDS_MAX).or(0)),
        }
    }
}

impl FromParams for EventStreamQuery {
    type Document = EventStreamQueryDocument;

    fn from_params(params: &mut Params<'_>) -> Self {
        Self { after: after(params), wanted: Wanted::from_params(params) }
    }
}

impl FromParams for TaskEventsQuery {
    type Document = TaskEventsQueryDocument;

    fn from_params(params: &mut Params<'_>) -> Self {
        Self { after: after(params).unwrap_or_default(), limit: limit(params) }
    }
}

impl FromParams for TaskWaitQuery {
    type Document = TaskWaitQueryDocument;

    fn from_params(params: &mut Params<'_>) -> Self {
        let timeout = params.integer("timeout", 0..=TIMEOUT_SECONDS_MAX);
        let timeout = seconds(timeout.or(TIMEOUT_SECONDS_DEFAULT));
        let until = params.choices("until", &STATUS_WORDS).or(FINISHED.to_vec());
        Self { until, timeout }
    }
}

impl Wanted {
    fn from_params(params: &mut Params<'_>) -> Self {
        let (families, types) =
            types(params).into_iter().partition(|word: &String| word.ends_with(".*"));
        let families: Vec<String> = families;
        let families = families.iter().map(|word| word.trim_end_matches(".*").to_owned());
        let correlation_id = params.read("correlation_id", |text| {
            text.parse::<Uuid>().map_err(|_| "must be a UUID".to_owned())
        });
        let filter = EventFilter {
            types,
            families: families.collect(),
            actor: None,
            correlation_id: correlation_id.optional(),
        };
        let task = params.text("task", REFERENCE).optional();
        Self { task, agent: params.text("agent", REFERENCE).optional(), filter }
    }

    /// The filter as the log takes it. An agent that there is not has caused nothing (0.3).
    pub(super) fn filter(&self, caller: &Caller, directory: &Account) -> EventFilter {
        let actor = self.agent.as_deref().map(|reference| {
            let agent = match reference {
                "me" => caller.agent(),
                reference => directory.find(reference).map(|agent| agent.id),
            };
            agent.map(|id| Actor::Agent(id).to_string()).unwrap_or_default()
        });
        EventFilter { actor, ..self.filter.clone() }
    }
}

fn types(params: &mut Params<'_>) -> Vec<String> {
    let types = params.texts("types", TYPE).or(Vec::new());
    let known = || stored::EVENT_TYPES.iter().chain(&webhook::EVENTS);
    let is_known = |word: &str| match word.strip_suffix(".*") {
        Some(family) => known().any(|name| name.split('.').next() == Some(family)),
        None => known().any(|name| *name == word),
    };
    if let Some(unknown) = types.iter().find(|word| !is_known(word)) {
        params.wrong("types", &format!("has \"{unknown}\", which is no type of event"));
    }
    types
}

fn after(params: &mut Params<'_>) -> Option<i64> {
    params.integer("after", 0..=POSITION_MAX).optional()
}

fn limit(params: &mut Params<'_>) -> usize {
    let limit = params.integer("limit", 1..=LIMIT_MAX).or(LIMIT_DEFAULT);
    usize::try_from(limit).expect("the limit is in its range")
}

fn seconds(number: i64) -> Duration {
    Duration::from_secs(number.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift;

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_query::<EventQuery>(), [""; 0]);
        assert_eq!(drift::of_query::<EventStreamQuery>(), [""; 0]);
        assert_eq!(drift::of_query::<TaskEventsQuery>(), [""; 0]);
        assert_eq!(drift::of_query::<TaskWaitQuery>(), [""; 0]);
    }
}
