//! Bodies about tasks: what clients may send, field by field (protocol 1.2, 1.3, 0.10).

use baton_commands::ForeignIds;
use baton_domain::{
    TaskId, Timestamp,
    task::{ChainPlace, Changes, Dependencies, EvidencePolicy, RecurringType, Status},
};
use poem_openapi::Object;
use serde_json::Value;

use super::finish_bodies::{read_evidence, read_fence, read_objects};
use crate::{
    body::FromFields,
    field::{Patch, Text},
    fields::{Fields, ListRule, Shape, integer},
    schema::{
        ClockTime, Day, EvidenceItem as EvidenceDocument, EvidencePolicy as EvidencePolicyWord,
        JsonObject, Moment, Nullable,
    },
};

/// Characters that the content of a task may have.
pub(super) const CONTENT_CHARS_MAX: usize = 2_000;
const CONTENT: Text = Text::filled(CONTENT_CHARS_MAX);
pub(super) const DESCRIPTION: Text = Text::up_to(10_000);
const TEXT: Text = Text::up_to(2_000);
const SLUG: Text = Text::filled(100);
pub(super) const LABELS: ListRule =
    ListRule { shape: Shape::ArrayOrCommas, items_max: 50, item: Text::filled(100) };
const NOTE: Text = Text::filled(2_000);
const NOTES_MAX: usize = 100;
const TASK_IDS: ListRule =
    ListRule { shape: Shape::ArrayOrCommas, items_max: 100, item: Text::filled(100) };
const BATCH: ListRule = ListRule { shape: Shape::Array, items_max: 1_000, item: Text::filled(100) };
const TOKENS_MAX: i64 = 1_000_000_000_000;
const RETRIES_MAX: i64 = 100;
pub(super) const INTERVAL_MAX: i64 = 10_000;

const CONTENT_NAMES: [&str; 2] = ["content", "title"];
const LABEL_NAMES: [&str; 2] = ["labels", "tags"];
const ASSIGNEE_NAMES: [&str; 2] = ["assigned_to_agent_id", "assigned_to"];
const RECURRING_WORDS: [(&str, RecurringType); 8] = [
    ("daily", RecurringType::Daily),
    ("weekly", RecurringType::Weekly),
    ("monthly", RecurringType::Monthly),
    ("yearly", RecurringType::Yearly),
    ("day", RecurringType::Daily),
    ("week", RecurringType::Weekly),
    ("month", RecurringType::Monthly),
    ("year", RecurringType::Yearly),
];
/// Canonical words and aliases (protocol 0.5).
pub(super) const STATUS_WORDS: [(&str, Status); 12] = [
    ("open", Status::Open),
    ("blocked", Status::Blocked),
    ("claimed", Status::Claimed),
    ("delegated", Status::Delegated),
    ("completed", Status::Completed),
    ("failed", Status::Failed),
    ("cancelled", Status::Cancelled),
    ("pending", Status::Open),
    ("running", Status::Claimed),
    ("in_progress", Status::Claimed),
    ("done", Status::Completed),
    ("canceled", Status::Cancelled),
];
/// A task to be created.
#[derive(Debug)]
pub(super) struct NewTask {
    pub(super) changes: Changes,
    pub(super) assigned_to: Option<String>,
    pub(super) parent: Option<String>,
    pub(super) depends_on: Vec<String>,
    pub(super) foreign: ForeignIds,
}

/// A task to be created. One of `content` and `title` is required.
#[derive(Object)]
#[oai(rename = "NewTask")]
pub(super) struct NewTaskDocument {
    /// What is to be done. Required unless `title` is given.
    #[oai(validator(min_length = 1, max_length = 2000))]
    content: Option<String>,
    /// Another name of `content`.
    #[oai(validator(min_length = 1, max_length = 2000))]
    title: Option<String>,
    /// More about it.
    #[oai(validator(max_length = 10000))]
    description: Option<Nullable<String>>,
    /// 1 (most urgent) to 5; 2 when left out.
    #[oai(validator(minimum(value = "1"), maximum(value = "5")))]
    priority: Option<i64>,
    /// Labels; one that begins with `@` routes to agents of that name or label.
    #[oai(validator(max_items = 50))]
    labels: Option<Vec<String>>,
    /// Another name of `labels`.
    #[oai(validator(max_items = 50))]
    tags: Option<Vec<String>>,
    /// Day it is due.
    due_date: Option<Nullable<Day>>,
    /// Time of day it is due.
    due_time: Option<Nullable<ClockTime>>,
    /// When to remind.
    reminder_time: Option<Nullable<Moment>>,
    /// Id or name of the agent whose task it is.
    assigned_to_agent_id: Option<Nullable<String>>,
    /// Another name of `assigned_to_agent_id`.
    assigned_to: Option<Nullable<String>>,
    /// The task it is delegated from.
    parent_task_id: Option<Nullable<String>>,
    /// Id of the project it is put into; admins only.
    project_id: Option<Nullable<String>>,
    /// The epic it is put into.
    epic_id: Option<Nullable<String>>,
    /// Free object that travels with the task.
    metadata: Option<JsonObject>,
    /// Working memory.
    context: Option<JsonObject>,
    /// Whether completion must be proved.
    evidence_policy: Option<Nullable<EvidencePolicyWord>>,
    /// Ids of the tasks it waits for: an array or one string with commas between them.
    #[oai(validator(max_items = 100))]
    depends_on: Option<Vec<String>>,
    /// Which kind of worker it is for.
    #[oai(validator(max_length = 100))]
    workflow_slug: Option<Nullable<String>>,
    /// Expected tokens.
    estimated_tokens: Option<Nullable<i64>>,
    /// What the worker needs.
    requirements: Option<Nullable<JsonObject>>,
    /// Retries allowed; 2 when left out.
    #[oai(validator(minimum(value = "0"), maximum(value = "100")))]
    max_retries: Option<i64>,
    /// How it repeats: daily, weekly, monthly or yearly.
    recurring_type: Option<Nullable<String>>,
    /// Every how many of these.
    recurring_interval: Option<Nullable<i64>>,
    /// How it repeats, in words.
    recurring_string: Option<Nullable<String>>,
    /// It repeats.
    is_recurring: Option<bool>,
}

impl FromFields for NewTask {
    type Document = NewTaskDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        fields.refuse_chain_fields();
        let content = fields.text(CONTENT_NAMES, CONTENT).required();
        let mut changes = Changes { content: Some(content), ..Changes::default() };
        read_changes(fields, &mut changes);
        Self {
            changes,
            assigned_to: fields.agent(ASSIGNEE_NAMES).optional(),
            parent: fields.id("parent_task_id").optional(),
            depends_on: fields.ids("depends_on", TASK_IDS).or(Vec::new()),
            foreign: read_foreign(fields),
        }
    }
}

/// A delegation in one of its two forms.
#[derive(Debug)]
pub(super) enum Delegation {
    /// With content: a new child.
    Child(Box<NewTask>),
    /// Without: the same task, another assignee.
    HandOver { to: String, changes: Box<Changes> },
}

/// With `content` or `title`: a child of the task, with the fields of a new task. Without: the
/// same task is handed over to `agent_id`.
#[derive(Object)]
#[oai(rename = "Delegation")]
pub(super) struct DelegationDocument {
    #[oai(flatten)]
    task: NewTaskDocument,
    /// Id or name of the agent it is delegated to.
    agent_id: Option<Nullable<String>>,
    /// For a hand-over: appended to `notes`.
    #[oai(validator(max_length = 2000))]
    note: Option<Nullable<String>>,
}

impl FromFields for Delegation {
    type Document = DelegationDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let to = fields.agent(["agent_id", "assigned_to_agent_id", "assigned_to"]).optional();
        let note = fields.text("note", Text::filled(2_000)).optional();
        if CONTENT_NAMES.iter().any(|name| fields.has_value(name)) {
            let task = NewTask { assigned_to: to, parent: None, ..NewTask::from_fields(fields) };
            return Self::Child(Box::new(task));
        }
        fields.refuse_chain_fields();
        if to.is_none() {
            fields.wrong("agent_id", "is required, unless content asks for a child");
        }
        let changes = Changes {
            metadata: fields.object("metadata").optional(),
            notes: note.into_iter().collect(),
            ..Changes::default()
        };
        Self::HandOver { to: to.unwrap_or_default(), changes: Box::new(changes) }
    }
}

/// An update of a task.
#[derive(Debug)]
pub(super) struct TaskUpdate {
    pub(super) update: baton_domain::task::Update,
    pub(super) assigned_to: Option<Option<String>>,
    pub(super) depends_on: Option<Vec<String>>,
    pub(super) foreign: ForeignIds,
}

/// Fields to set; what is left out stays as it is.
#[derive(Object)]
#[oai(rename = "TaskUpdate")]
pub(super) struct TaskUpdateDocument {
    /// What is to be done.
    #[oai(validator(min_length = 1, max_length = 2000))]
    content: Option<String>,
    /// Another name of `content`.
    #[oai(validator(min_length = 1, max_length = 2000))]
    title: Option<String>,
    /// Status to reach: a status of a task, or one of pending, running, in_progress, done,
    /// canceled.
    status: Option<String>,
    /// True completes, false opens what is completed.
    completed: Option<bool>,
    /// More about it.
    #[oai(validator(max_length = 10000))]
    description: Option<Nullable<String>>,
    /// 1 (most urgent) to 5.
    #[oai(validator(minimum(value = "1"), maximum(value = "5")))]
    priority: Option<i64>,
    /// All labels.
    #[oai(validator(max_items = 50))]
    labels: Option<Vec<String>>,
    /// Another name of `labels`.
    #[oai(validator(max_items = 50))]
    tags: Option<Vec<String>>,
    /// Day it is due.
    due_date: Option<Nullable<Day>>,
    /// Time of day it is due.
    due_time: Option<Nullable<ClockTime>>,
    /// When to remind.
    reminder_time: Option<Nullable<Moment>>,
    /// Id or name of the agent whose task it is; null for none.
    assigned_to_agent_id: Option<Nullable<String>>,
    /// Another name of `assigned_to_agent_id`.
    assigned_to: Option<Nullable<String>>,
    /// Id of the project it is put into, or null for none; admins only.
    project_id: Option<Nullable<String>>,
    /// The epic it is put into.
    epic_id: Option<Nullable<String>>,
    /// Keys to add to or overwrite in `metadata`.
    metadata: Option<JsonObject>,
    /// Keys to merge deeply into `context`.
    context: Option<JsonObject>,
    /// Whether completion must be proved; only admins lift it.
    evidence_policy: Option<Nullable<EvidencePolicyWord>>,
    /// Proof, together with a completing status.
    #[oai(validator(max_items = 5))]
    evidence: Option<Vec<EvidenceDocument>>,
    /// Ids of all the tasks it waits for: an array or one string with commas between them.
    #[oai(validator(max_items = 100))]
    depends_on: Option<Vec<String>>,
    /// Which kind of worker it is for.
    #[oai(validator(max_length = 100))]
    workflow_slug: Option<Nullable<String>>,
    /// Expected tokens.
    estimated_tokens: Option<Nullable<i64>>,
    /// What the worker needs.
    requirements: Option<Nullable<JsonObject>>,
    /// Retries allowed.
    #[oai(validator(minimum(value = "0"), maximum(value = "100")))]
    max_retries: Option<i64>,
    /// How it repeats: daily, weekly, monthly or yearly.
    recurring_type: Option<Nullable<String>>,
    /// Every how many of these.
    recurring_interval: Option<Nullable<i64>>,
    /// How it repeats, in words.
    recurring_string: Option<Nullable<String>>,
    /// It repeats.
    is_recurring: Option<bool>,
    /// An outside execution's id.
    execution_id: Option<Nullable<String>>,
    /// What came out.
    result_summary: Option<Nullable<String>>,
    /// What went wrong.
    error_message: Option<Nullable<String>>,
    /// A text, or several, to append to `notes`.
    notes: Option<Vec<String>>,
    /// Refuse with 409 unless the task has this revision.
    expected_revision: Option<i64>,
    /// Refuse with 409 unless the task has this claim generation.
    claim_generation: Option<i64>,
}

impl FromFields for TaskUpdate {
    type Document = TaskUpdateDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let place = read_place(fields);
        let content = fields.text(CONTENT_NAMES, CONTENT).change();
        let mut changes = Changes { content, ..Changes::default() };
        read_changes(fields, &mut changes);
        changes.execution_id = fields.text("execution_id", TEXT).patch().into_option();
        changes.result_summary = fields.text("result_summary", TEXT).patch().into_option();
        changes.error_message = fields.text("error_message", TEXT).patch().into_option();
        changes.notes = read_notes(fields);
        let update = baton_domain::task::Update {
            changes,
            status: fields.choice("status", &STATUS_WORDS).change(),
            completed: fields.boolean("completed").change(),
            evidence: read_evidence(fields),
            fence: read_fence(fields),
            place,
            dependencies: Dependencies::default(),
        };
        let assigned_to = fields.agent(ASSIGNEE_NAMES).patch().into_option();
        let depends_on = match fields.ids("depends_on", TASK_IDS).patch() {
            Patch::Keep => None,
            Patch::Clear => Some(Vec::new()),
            Patch::Set(ids) => Some(ids),
        };
        Self { update, assigned_to, depends_on, foreign: read_foreign(fields) }
    }
}

/// Tasks to be deleted together.
#[derive(Debug)]
pub(super) struct BatchDeletion {
    pub(super) ids: Vec<String>,
}

/// Tasks to be deleted together.
#[derive(Object)]
#[oai(rename = "TaskBatchDeletion")]
pub(super) struct BatchDeletionDocument {
    /// Their ids; one that comes twice counts once.
    #[oai(validator(min_items = 1, max_items = 1000))]
    task_ids: Vec<String>,
}

impl FromFields for BatchDeletion {
    type Document = BatchDeletionDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let ids = fields.ids("task_ids", BATCH);
        Self { ids: ids.check(|ids| !ids.is_empty(), "must have at least 1 item").required() }
    }
}

/// The fields that creation and update share, but for `content`.
fn read_changes(fields: &mut Fields<'_>, changes: &mut Changes) {
    changes.description = fields.text("description", DESCRIPTION).patch().into_option();
    changes.priority = fields
        .integer("priority", 1..=5)
        .parse(|priority| u8::try_from(priority).map_err(|error| error.to_string()))
        .change();
    changes.labels = match fields.texts(LABEL_NAMES, LABELS).patch() {
        Patch::Keep => None,
        Patch::Clear => Some(Vec::new()),
        Patch::Set(labels) => Some(labels),
    };
    changes.due_date = fields.date("due_date").patch().into_option();
    changes.due_time = fields.time_of_day("due_time").patch().into_option();
    let in_range = |time: jiff::Timestamp| {
        Timestamp::from_millis(time.as_millisecond()).ok_or("must be in the years 0 to 9999".into())
    };
    let reminder_time = fields.timestamp("reminder_time").parse(in_range).patch();
    changes.reminder_time = reminder_time.into_option();
    let Changes { metadata, context, .. } = read_objects(fields);
    (changes.metadata, changes.context) = (metadata, context);
    let policies = [("required", EvidencePolicy::Required)];
    changes.evidence_policy = fields.choice("evidence_policy", &policies).patch().into_option();
    changes.workflow_slug = fields.text("workflow_slug", SLUG).patch().into_option();
    let tokens = fields.integer("estimated_tokens", 0..=TOKENS_MAX);
    changes.estimated_tokens = tokens.patch().into_option();
    changes.requirements = fields.object("requirements").patch().into_option();
    changes.max_retries = fields.integer("max_retries", 0..=RETRIES_MAX).change();
    let recurring_type = fields.choice("recurring_type", &RECURRING_WORDS);
    changes.recurring_type = recurring_type.patch().into_option();
    let interval = fields.integer("recurring_interval", 1..=INTERVAL_MAX);
    changes.recurring_interval = interval.patch().into_option();
    changes.recurring_string = fields.text("recurring_string", TEXT).patch().into_option();
    changes.is_recurring = fields.boolean("is_recurring").change();
}

fn read_foreign(fields: &mut Fields<'_>) -> ForeignIds {
    ForeignIds {
        project_id: fields.id("project_id").patch().into_option(),
        epic_id: fields.id("epic_id").optional(),
    }
}

/// Where in its chain the task is by a record that is sent back whole.
fn read_place(fields: &mut Fields<'_>) -> ChainPlace {
    let task = |value: &Value| value.as_str().and_then(|id| id.parse::<TaskId>().ok());
    ChainPlace {
        root_task_id: fields.kept("root_task_id", task),
        parent_task_id: fields.kept("parent_task_id", task),
        delegation_depth: fields.kept("delegation_depth", integer),
    }
}

/// A text or several. Records sent back whole carry the notes as the objects they were read as:
/// those are not new.
fn read_notes(fields: &mut Fields<'_>) -> Vec<String> {
    let texts = |value: Value| {
        let wrong = || "must be a string or an array of strings".to_owned();
        let items = match value {
            Value::Array(items) => items,
            one @ Value::String(_) => vec![one],
            _ => return Err(wrong()),
        };
        let news = items.into_iter().filter(|item| !item.is_object());
        let texts: Result<Vec<String>, String> = news
            .map(|item| match item {
                Value::String(text) => NOTE.check(text),
                _ => Err(wrong()),
            })
            .collect();
        texts.and_then(|texts| match texts.len() > NOTES_MAX {
            true => Err(format!("must have at most {NOTES_MAX} items")),
            false => Ok(texts),
        })
    };
    fields.read("notes", texts).or(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift;

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_body::<NewTask>(), [""; 0]);
        assert_eq!(drift::of_body::<TaskUpdate>(), [""; 0]);
        assert_eq!(drift::of_body::<BatchDeletion>(), [""; 0]);
    }
}
