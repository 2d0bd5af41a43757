//! The fields of a task that its creation, an update or a finishing command may set.

use serde::{Deserialize, Serialize};

use super::{
    context::{self, ContextSource},
    state::{EvidencePolicy, Note, Task},
};
use crate::{
    AgentId, ProjectId, TaskId, Timestamp,
    fields::fields_of,
    json::{Object, merge_deep, merge_shallow, settable},
};

/// How a task repeats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecurringType {
    /// Every day.
    #[default]
    Daily,
    /// Every week.
    Weekly,
    /// Every month.
    Monthly,
    /// Every year.
    Yearly,
}

fields_of! {
    Task as Changes
    plain {
        /// What is to be done, 1 to 2000 characters.
        content: String,
        /// 1 to 5.
        priority: u8,
        /// All labels.
        labels: Vec<String>,
        /// The tasks it waits for, all of them, each once.
        depends_on: Vec<TaskId>,
        /// Retries allowed, 0 to 100.
        max_retries: i64,
        /// It repeats.
        is_recurring: bool,
    }
    nullable {
        /// More about it.
        description: String,
        /// Day it is due.
        due_date: jiff::civil::Date,
        /// Time of day it is due.
        due_time: String,
        /// When to remind.
        reminder_time: Timestamp,
        /// Whether completion must be proved.
        evidence_policy: EvidencePolicy,
        /// The project it is put into.
        project_id: ProjectId,
        /// Which kind of worker it is for.
        workflow_slug: String,
        /// Expected tokens.
        estimated_tokens: i64,
        /// What the worker needs.
        requirements: Object,
        /// An outside execution's id.
        execution_id: String,
        /// What came out.
        result_summary: String,
        /// What went wrong.
        error_message: String,
        /// How it repeats.
        recurring_type: RecurringType,
        /// Every how many of these.
        recurring_interval: i64,
        /// How it repeats, in words.
        recurring_string: String,
    }
    own {
        /// Keys to add to or overwrite in `metadata`.
        #[serde(skip_serializing_if = "Option::is_none")]
        metadata: Option<Object>,
        /// Keys to merge deeply into `context`.
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<Object>,
        /// How the author of `context` knows; none for an agent's own conclusion.
        #[serde(skip_serializing_if = "Option::is_none")]
        context_source: Option<ContextSource>,
        /// Whose task it is.
        #[serde(
            skip_serializing_if = "Option::is_none",
            deserialize_with = "settable::deserialize"
        )]
        assigned_to: Option<Option<AgentId>>,
        /// Texts to append to `notes`.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
    }
}

impl Changes {
    /// Drops what would set a field to the value it has.
    #[must_use]
    pub fn only_new(mut self, task: &Task) -> Self {
        self.drop_known(task);
        self.assigned_to.take_if(|to| *to == task.assigned_to);
        self.metadata = self.metadata.and_then(|patch| {
            let is_new = |(key, value): &(String, _)| task.metadata.get(key) != Some(value);
            Some(patch.into_iter().filter(is_new).collect::<Object>())
                .filter(|patch| !patch.is_empty())
        });
        let source = self.context_source;
        self.context = self.context.filter(|patch| context::is_news(task, patch, source));
        self.context_source = source.filter(|_| self.context.is_some());
        self
    }

    /// The names of the fields set, as clients know them (`changed` of protocol 4.1).
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let mut names = self.names_set();
        names.extend(self.metadata.as_ref().map(|_| "metadata"));
        names.extend(self.context.as_ref().map(|_| "context"));
        names.extend(self.assigned_to.map(|_| "assigned_to_agent_id"));
        names.extend(self.notes.first().map(|_| "notes"));
        names
    }

    /// Sets the fields of a task; notes are by `author` at `at`.
    pub(super) fn apply(mut self, task: &mut Task, author: Option<AgentId>, at: Timestamp) {
        // Another reminder was not sent yet.
        task.reminder_sent &= self.reminder_time.is_none();
        self.set_in(task);
        if let Some(to) = self.assigned_to {
            task.assigned_to = to;
        }
        if let Some(patch) = self.metadata {
            merge_shallow(&mut task.metadata, patch);
        }
        if let Some(patch) = self.context.filter(|patch| !patch.is_empty()) {
            task.context_version += 1;
            context::enter(task, patch.keys(), self.context_source, (author, at));
            merge_deep(&mut task.context, patch);
        }
        let notes = self.notes.into_iter().map(|text| Note { at, author, text });
        task.notes.extend(notes);
    }

    /// The version of the stored form: the first knew fewer fields, and what lacks the others is
    /// still written in it.
    #[must_use]
    pub(crate) fn schema_version(&self) -> i16 {
        if self.project_id.is_some() || self.context_source.is_some() { 2 } else { 1 }
    }

    /// Nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{stored::Event as _, task::TaskEvent};

    #[test]
    fn only_what_differs_is_left() {
        let mut task = Task { priority: 2, description: Some("d".into()), ..Task::default() };
        task.metadata = json!({"a": 1}).as_object().unwrap().clone();
        task.context = json!({"x": {"y": 1}}).as_object().unwrap().clone();
        let sent = Changes {
            priority: Some(2),
            description: Some(None),
            content: Some("c".into()),
            metadata: json!({"a": 1, "b": 2}).as_object().cloned(),
            context: json!({"x": {"y": 1}}).as_object().cloned(),
            ..Changes::default()
        };
        let left = sent.only_new(&task);
        assert_eq!(left.names(), ["content", "description", "metadata"]);
        assert_eq!(left.metadata, json!({"b": 2}).as_object().cloned());
    }

    /// What another version of Baton cannot know, it must not fold as if it were not there.
    #[test]
    fn fields_that_the_first_form_did_not_have_are_a_form_of_their_own() {
        let project_id = Some(Some(ProjectId::default()));
        for (changes, version) in [
            (Changes::default(), 1),
            (Changes { priority: Some(1), context: Some(Object::new()), ..Changes::default() }, 1),
            (Changes { project_id, ..Changes::default() }, 2),
            (Changes { project_id: Some(None), ..Changes::default() }, 2),
            (Changes { context_source: Some(ContextSource::Imported), ..Changes::default() }, 2),
        ] {
            let event = TaskEvent::Updated { changes, transition: None };
            assert_eq!(event.encode().schema_version, version, "{event:?}");
        }
    }

    #[test]
    fn null_and_absent_are_stored_apart() {
        let cleared = Changes { description: Some(None), ..Changes::default() };
        let text = serde_json::to_string(&cleared).unwrap();
        assert_eq!(text, r#"{"description":null}"#);
        assert_eq!(serde_json::from_str::<Changes>(&text).unwrap(), cleared);
        assert!(serde_json::from_str::<Changes>("{}").unwrap().is_empty());
    }
}
