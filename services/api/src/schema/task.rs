//! Schemas of tasks and what hangs on them (protocol 2.1, 2.2).

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{Enum, Object};

use super::scalar::{ClockTime, Day, Instant, JsonObject, Nullable};

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum TaskStatus {
    /// Ready to be worked on.
    Open,
    /// Waits for other tasks, or set by hand.
    Blocked,
    /// An agent holds it.
    Claimed,
    /// Has a delegated child.
    Delegated,
    /// Done.
    Completed,
    /// Given up; may be retried.
    Failed,
    /// Called off.
    Cancelled,
}

/// What the holder of a claim says it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum SessionState {
    /// At work.
    Working,
    /// Waiting for somebody.
    WaitingInput,
    /// In trouble.
    Errored,
}

/// Whether completing needs evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum EvidencePolicy {
    /// At least one strong item.
    Required,
}

/// Kind of evidence; all but `command_output` are strong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// A commit.
    Commit,
    /// A pull request.
    Pr,
    /// A check that ran.
    CiCheck,
    /// A deployed revision.
    DeploySha,
    /// An artifact.
    ArtifactUrl,
    /// What a command printed.
    CommandOutput,
}

/// An agent, shortly.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct AgentRef {
    /// Opaque id.
    pub id: String,
    /// Unique name.
    pub name: String,
    /// Name for people.
    pub display_name: Nullable<String>,
    /// Label; also used for routing.
    pub label: Nullable<String>,
    /// False when its key is refused.
    pub active: bool,
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct EvidenceItem {
    /// What it is.
    pub kind: EvidenceKind,
    /// Where it is.
    #[oai(validator(min_length = 1, max_length = 500))]
    pub r#ref: String,
    /// What it shows.
    #[oai(validator(max_length = 500))]
    pub summary: Option<Nullable<String>>,
}

/// A note on a task.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct Note {
    /// When it was written.
    pub at: Instant,
    /// Who wrote it.
    pub author: Nullable<String>,
    /// What it says.
    pub text: String,
}

/// One line of a task's check list.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct Subtask {
    /// Opaque id.
    pub id: String,
    /// The task.
    pub task_id: String,
    /// What is to be done.
    pub content: String,
    /// Whether it is done.
    pub completed: bool,
    /// Place in the list.
    pub sort_order: i64,
    /// When it was created.
    pub created_at: Instant,
}

/// A comment on a task.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct Comment {
    /// Opaque id.
    pub id: String,
    /// The task.
    pub task_id: String,
    /// What it says.
    pub content: String,
    /// Who wrote it, in words.
    pub author: Nullable<String>,
    /// The agent that wrote it.
    pub author_agent_id: Nullable<String>,
    /// When it was written.
    pub created_at: Instant,
}

/// What a link points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum LinkKind {
    /// A branch.
    Branch,
    /// A commit.
    Commit,
    /// A pull request.
    Pr,
    /// Anything with an address.
    Url,
}

/// A link from a task to something outside.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct Link {
    /// Opaque id.
    pub id: String,
    /// The task.
    pub task_id: String,
    /// What it points to.
    pub kind: LinkKind,
    /// Repository.
    pub repo: Nullable<String>,
    /// Reference, such as a branch or number.
    pub r#ref: String,
    /// Address.
    pub url: Nullable<String>,
    /// The agent that made it.
    pub created_by_agent_id: Nullable<String>,
    /// When it was made.
    pub created_at: Instant,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct Project {
    /// Opaque id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Emoji.
    pub emoji: Nullable<String>,
    /// Colour.
    pub color: Nullable<String>,
    /// Place in the list.
    pub sort_order: i64,
    /// When it was created.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
}

/// A task without what may be long: `view=summary`.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct TaskSummary {
    /// Opaque id, 32 hexadecimal characters.
    pub id: String,
    /// What is to be done.
    pub content: String,
    /// Equal to `content`.
    pub title: String,
    /// Where the task stands.
    pub status: TaskStatus,
    /// True exactly when `status` is completed.
    pub completed: bool,
    /// When it was completed.
    pub completed_at: Nullable<Instant>,
    /// Name of the agent that completed it.
    pub completed_by: Nullable<String>,
    /// Id of the agent that completed it.
    pub completed_by_agent_id: Nullable<String>,
    /// The agent that completed it.
    pub completed_by_agent: Nullable<AgentRef>,
    /// 1 to 5; 1 is the most urgent.
    pub priority: i64,
    /// Labels; one that starts with `@` routes.
    pub labels: Vec<String>,
    /// Equal to `labels`.
    pub tags: Vec<String>,
    /// Day it is due.
    pub due_date: Nullable<Day>,
    /// Time of day it is due.
    pub due_time: Nullable<ClockTime>,
    /// Id of its project.
    pub project_id: Nullable<String>,
    /// Name of its project.
    pub project_name: Nullable<String>,
    /// Id of the creating agent; null for the project token.
    pub created_by_agent_id: Nullable<String>,
    /// The creating agent.
    pub created_by_agent: Nullable<AgentRef>,
    /// Id of the assignee.
    pub assigned_to_agent_id: Nullable<String>,
    /// The assignee.
    pub assigned_to_agent: Nullable<AgentRef>,
    /// Name of the assignee.
    pub assigned_to: Nullable<String>,
    /// Id of the owner, passed down the chain.
    pub accountable_agent_id: Nullable<String>,
    /// The owner, passed down the chain.
    pub accountable_agent: Nullable<AgentRef>,
    /// Id of the last agent that delegated it.
    pub delegated_by_agent_id: Nullable<String>,
    /// The last agent that delegated it.
    pub delegated_by_agent: Nullable<AgentRef>,
    /// Id of the task it was delegated from.
    pub parent_task_id: Nullable<String>,
    /// Equal to `parent_task_id`.
    pub parent_id: Nullable<String>,
    /// Equal to `parent_task_id`.
    pub delegated_from_task_id: Nullable<String>,
    /// Id of the first task of its chain; its own for a root.
    pub root_task_id: String,
    /// 0 for a root.
    pub delegation_depth: i64,
    /// Id of the agent that holds it.
    pub claimed_by_agent_id: Nullable<String>,
    /// When it was claimed.
    pub claimed_at: Nullable<Instant>,
    /// When the claim lapses.
    pub lease_expires_at: Nullable<Instant>,
    /// Claims so far.
    pub claim_generation: i64,
    /// What the holder says it is doing.
    pub session_state: Nullable<SessionState>,
    /// The holder's words on that.
    pub session_state_detail: Nullable<String>,
    /// What was left when it was given back last.
    pub handoff_note: Nullable<String>,
    /// Id of the agent whose words these are.
    pub handoff_by_agent_id: Nullable<String>,
    /// The agent whose words these are.
    pub handoff_by_agent: Nullable<AgentRef>,
    /// What its holder had said last that it does.
    pub handoff_state: Nullable<SessionState>,
    /// Whether completing needs evidence.
    pub evidence_policy: Nullable<EvidencePolicy>,
    /// Evidence given at completion.
    pub completion_evidence: Nullable<Vec<EvidenceItem>>,
    /// Writes to `context` so far.
    pub context_version: i64,
    /// Changes so far, starting at 1.
    pub revision: i64,
    /// How often it was reopened.
    pub reopen_count: i64,
    /// Ingress source; its content is not to be trusted.
    pub source_ingress_id: Nullable<String>,
    /// Recurrence that made it.
    pub source_recurrence_id: Nullable<String>,
    /// Automation that made it.
    pub source_automation_id: Nullable<String>,
    /// How it recurs.
    pub recurring_type: Nullable<String>,
    /// Every how many of these.
    pub recurring_interval: Nullable<i64>,
    /// The recurrence in words.
    pub recurring_string: Nullable<String>,
    /// True when it recurs.
    pub is_recurring: bool,
    /// When to remind.
    pub reminder_time: Nullable<Instant>,
    /// True when the reminder is past.
    pub reminder_sent: bool,
    /// Its epic.
    pub epic_id: Nullable<String>,
    /// Workflow meant to do it.
    pub workflow_slug: Nullable<String>,
    /// Execution that does it.
    pub execution_id: Nullable<String>,
    /// Ids of the tasks it waits for.
    pub depends_on: Vec<String>,
    /// What it needs.
    pub requirements: Nullable<JsonObject>,
    /// Estimate of its cost in tokens.
    pub estimated_tokens: Nullable<i64>,
    /// Tokens used.
    pub actual_tokens: i64,
    /// Model calls made.
    pub llm_calls: i64,
    /// Tools called.
    pub tool_invocations: i64,
    /// Time spent.
    pub duration_ms: i64,
    /// Money spent.
    pub actual_usd: f64,
    /// Retries so far.
    pub retry_count: i64,
    /// Retries allowed.
    pub max_retries: i64,
    /// When it was first claimed.
    pub started_at: Nullable<Instant>,
    /// What came out.
    pub result_summary: Nullable<String>,
    /// Why it failed.
    pub error_message: Nullable<String>,
    /// Notes, oldest first.
    pub notes: Vec<Note>,
    /// When it was created.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct Task {
    #[oai(flatten)]
    summary: TaskSummary,
    /// Details.
    pub description: Nullable<String>,
    /// Its project.
    pub project: Nullable<Project>,
    /// Free object that travels with the task and its events.
    pub metadata: JsonObject,
    /// Working memory.
    pub context: JsonObject,
    /// Its check list.
    pub subtasks: Vec<Subtask>,
}

/// A task in a list. With `view=summary` it has neither `description`, `project`, `metadata`,
/// `context` nor `subtasks`; without, it has them all.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct ListedTask {
    #[oai(flatten)]
    summary: TaskSummary,
    /// Details.
    pub description: Option<Nullable<String>>,
    /// Its project.
    pub project: Option<Nullable<Project>>,
    /// Free object that travels with the task and its events.
    pub metadata: Option<JsonObject>,
    /// Working memory.
    pub context: Option<JsonObject>,
    /// Its check list.
    pub subtasks: Option<Vec<Subtask>>,
}

/// A task with everything that hangs on it.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct TaskDetail {
    #[oai(flatten)]
    task: Task,
    /// Its comments, oldest first.
    pub comments: Vec<Comment>,
    /// Its links, oldest first.
    pub links: Vec<Link>,
}

/// A task just completed.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct TaskCompleted {
    #[oai(flatten)]
    task: Task,
    /// Day of the follow-up that was created.
    pub next_occurrence: Option<Nullable<Day>>,
}

/// A task that the caller holds now.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct TaskClaimed {
    /// The task.
    pub task: Task,
}

/// The next task, which the caller holds now.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct TaskOffered {
    /// The task; null where none waits.
    pub task: Nullable<Task>,
}

/// A task just cancelled.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct TaskCancelled {
    #[oai(flatten)]
    task: Task,
    /// True when a running execution was cancelled with it.
    pub execution_cancelled: bool,
}

/// A list of tasks: an array, or with `include=pagination` a page object.
#[derive(Debug, Clone, Copy)]
pub enum TaskList {}

impl Type for TaskList {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "TaskList".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(Self::name().into_owned(), |registry| {
            Vec::<ListedTask>::register(registry);
            TaskPage::register(registry);
            MetaSchema {
                description: Some("The tasks; with `include=pagination` as a page object."),
                one_of: vec![Vec::<ListedTask>::schema_ref(), TaskPage::schema_ref()],
                ..MetaSchema::ANY
            }
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

/// One page of tasks.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct TaskPage {
    /// The tasks.
    pub items: Vec<ListedTask>,
    /// All that match.
    pub total: i64,
    /// The limit used.
    pub limit: i64,
    /// The offset used.
    pub offset: i64,
    /// True when tasks follow this page.
    pub has_more: bool,
    /// Where the next page starts; null on the last one.
    pub next_offset: Nullable<i64>,
}
