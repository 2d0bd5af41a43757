//! A task as clients see it: its state with the names of its time (protocol 2.1).

use serde::Serialize;

use super::{
    annotation::{CommentDocument, LinkDocument, SubtaskDocument},
    state::{EvidenceItem, EvidencePolicy, SessionState, Task},
};
use crate::{
    AgentId, ProjectId, RecurrenceId, TaskId, Timestamp,
    account::{Account, AgentRef, Project, ProjectDocument},
    json::Object,
    task::{RecurringType, Status},
};

/// How much of a task is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// In answers and lists.
    Plain,
    /// In lists that are to be short: without what may be long.
    Summary,
    /// By itself: with comments and links.
    Detail,
    /// In webhooks and messages: nothing that lives beside the task.
    Message,
}

/// An entry of `notes`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoteDocument {
    /// When.
    pub at: Timestamp,
    /// The author's name; null for the project token.
    pub author: Option<String>,
    /// What.
    pub text: String,
}

/// A task, whole. Field by field protocol 2.1.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "protocol 2.1 describes each; the OpenAPI document repeats it")]
pub struct TaskDocument {
    pub id: TaskId,
    pub content: String,
    pub title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Option<String>>,
    pub status: Status,
    pub completed: bool,
    pub completed_at: Option<Timestamp>,
    pub completed_by: Option<String>,
    pub completed_by_agent_id: Option<AgentId>,
    pub completed_by_agent: Option<AgentRef>,
    pub priority: u8,
    pub labels: Vec<String>,
    pub tags: Vec<String>,
    pub due_date: Option<jiff::civil::Date>,
    pub due_time: Option<String>,
    pub project_id: Option<ProjectId>,
    pub project_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<Option<ProjectDocument>>,
    pub created_by_agent_id: Option<AgentId>,
    pub created_by_agent: Option<AgentRef>,
    pub assigned_to_agent_id: Option<AgentId>,
    pub assigned_to_agent: Option<AgentRef>,
    pub assigned_to: Option<String>,
    pub accountable_agent_id: Option<AgentId>,
    pub accountable_agent: Option<AgentRef>,
    pub delegated_by_agent_id: Option<AgentId>,
    pub delegated_by_agent: Option<AgentRef>,
    pub parent_task_id: Option<TaskId>,
    pub parent_id: Option<TaskId>,
    pub delegated_from_task_id: Option<TaskId>,
    pub root_task_id: TaskId,
    pub delegation_depth: u32,
    pub claimed_by_agent_id: Option<AgentId>,
    pub claimed_at: Option<Timestamp>,
    pub lease_expires_at: Option<Timestamp>,
    pub claim_generation: i64,
    pub session_state: Option<SessionState>,
    pub session_state_detail: Option<String>,
    pub handoff_note: Option<String>,
    pub handoff_by_agent_id: Option<AgentId>,
    pub handoff_by_agent: Option<AgentRef>,
    pub handoff_state: Option<SessionState>,
    pub evidence_policy: Option<EvidencePolicy>,
    pub completion_evidence: Option<Vec<EvidenceItem>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Object>,
    pub context_version: i64,
    pub revision: i64,
    pub reopen_count: i64,
    pub source_ingress_id: Option<String>,
    pub source_recurrence_id: Option<RecurrenceId>,
    pub source_automation_id: Option<String>,
    pub recurring_type: Option<RecurringType>,
    pub recurring_interval: Option<i64>,
    pub recurring_string: Option<String>,
    pub is_recurring: bool,
    pub reminder_time: Option<Timestamp>,
    pub reminder_sent: bool,
    pub epic_id: Option<String>,
    pub workflow_slug: Option<String>,
    pub execution_id: Option<String>,
    pub depends_on: Vec<TaskId>,
    pub requirements: Option<Object>,
    pub estimated_tokens: Option<i64>,
    pub actual_tokens: i64,
    pub llm_calls: i64,
    pub tool_invocations: i64,
    pub duration_ms: i64,
    pub actual_usd: i64,
    pub retry_count: i64,
    pub max_retries: i64,
    pub started_at: Option<Timestamp>,
    pub result_summary: Option<String>,
    pub error_message: Option<String>,
    pub notes: Vec<NoteDocument>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtasks: Option<Vec<SubtaskDocument>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comments: Option<Vec<CommentDocument>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links: Option<Vec<LinkDocument>>,
}

impl Task {
    /// The task with the names of `directory`, which is the account as of the same position.
    ///
    /// What Baton does not keep yet (epics, usage) shows as it does for a task that has none. What
    /// comments say is not part of the task: whoever shows its detail adds them.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one line a field; there is nothing to split")]
    pub fn document(&self, directory: &Account, view: View) -> TaskDocument {
        let agent = |id: Option<AgentId>| id.and_then(|id| directory.agent_ref(id));
        let name = |id: Option<AgentId>| id.and_then(|id| directory.name_of(id)).map(str::to_owned);
        let project = self.project_id.and_then(|id| directory.projects.get(&id));
        let is_whole = view != View::Summary;
        let is_listed = is_whole && view != View::Message;
        let claim = self.claim.as_ref();
        TaskDocument {
            id: self.id,
            content: self.content.clone(),
            title: self.content.clone(),
            description: is_whole.then(|| self.description.clone()),
            status: self.status,
            completed: self.status == Status::Completed,
            completed_at: self.completed_at,
            completed_by: name(self.completed_by),
            completed_by_agent_id: self.completed_by,
            completed_by_agent: agent(self.completed_by),
            priority: self.priority,
            labels: self.labels.clone(),
            tags: self.labels.clone(),
            due_date: self.due_date,
            due_time: self.due_time.clone(),
            project_id: project.map(|project| project.id),
            project_name: project.map(|project| project.name.clone()),
            project: is_listed.then(|| project.map(Project::document)),
            created_by_agent_id: self.created_by,
            created_by_agent: agent(self.created_by),
            assigned_to_agent_id: self.assigned_to,
            assigned_to_agent: agent(self.assigned_to),
            assigned_to: name(self.assigned_to),
            accountable_agent_id: self.accountable,
            accountable_agent: agent(self.accountable),
            delegated_by_agent_id: self.delegated_by,
            delegated_by_agent: agent(self.delegated_by),
            parent_task_id: self.parent,
            parent_id: self.parent,
            delegated_from_task_id: self.parent,
            root_task_id: self.root,
            delegation_depth: self.delegation_depth,
            claimed_by_agent_id: claim.and_then(|claim| claim.by),
            claimed_at: claim.map(|claim| claim.at),
            lease_expires_at: claim.and_then(|claim| claim.lease_expires_at),
            claim_generation: self.claim_generation,
            session_state: claim.and_then(|claim| claim.session_state),
            session_state_detail: claim.and_then(|claim| claim.detail.clone()),
            handoff_note: self.handoff_note.clone(),
            handoff_by_agent_id: self.handoff_by,
            handoff_by_agent: agent(self.handoff_by),
            handoff_state: self.handoff_state,
            evidence_policy: self.evidence_policy,
            completion_evidence: self.completion_evidence.clone(),
            metadata: is_whole.then(|| self.metadata.clone()),
            context: is_whole.then(|| self.context.clone()),
            context_version: self.context_version,
            revision: self.revision,
            reopen_count: self.reopen_count,
            source_ingress_id: None,
            source_recurrence_id: self.source_recurrence_id,
            source_automation_id: None,
            recurring_type: self.recurring_type,
            recurring_interval: self.recurring_interval,
            recurring_string: self.recurring_string.clone(),
            is_recurring: self.is_recurring,
            reminder_time: self.reminder_time,
            reminder_sent: self.reminder_sent,
            epic_id: None,
            workflow_slug: self.workflow_slug.clone(),
            execution_id: self.execution_id.clone(),
            depends_on: self.depends_on.clone(),
            requirements: self.requirements.clone(),
            estimated_tokens: self.estimated_tokens,
            actual_tokens: 0,
            llm_calls: 0,
            tool_invocations: 0,
            duration_ms: 0,
            actual_usd: 0,
            retry_count: self.retry_count,
            max_retries: self.max_retries,
            started_at: self.started_at,
            result_summary: self.result_summary.clone(),
            error_message: self.error_message.clone(),
            notes: self
                .notes
                .iter()
                .map(|note| NoteDocument {
                    at: note.at,
                    author: name(note.author),
                    text: note.text.clone(),
                })
                .collect(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            subtasks: is_listed.then(|| self.subtask_documents()),
            comments: (view == View::Detail).then(Vec::new),
            links: (view == View::Detail).then(|| self.link_documents()),
        }
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
