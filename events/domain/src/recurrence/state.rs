//! A recurrence as its events left it, and as clients see it (protocol 2.6).

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::event::RecurrenceEvent;
use crate::{
    AgentId, ProjectId, RecurrenceId, Right, Standing, TaskId, Timestamp,
    account::{Account, AgentRef},
    calendar::{self, Anchors, Rule, Start},
    task::{Changes, RecurringType},
};

/// A recurrence as its events left it. The default was never created.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recurrence {
    /// Its id.
    pub id: RecurrenceId,
    /// It was created.
    pub exists: bool,
    /// It was deleted.
    pub deleted: bool,
    /// The agent that created it, and in whose name its tasks are created; none for the project
    /// token.
    pub created_by: Option<AgentId>,
    /// What is to be done.
    pub content: String,
    /// More about it.
    pub description: Option<String>,
    /// The project that its tasks are put into.
    pub project_id: Option<ProjectId>,
    /// 1 to 5.
    pub priority: u8,
    /// All labels.
    pub labels: Vec<String>,
    /// Whose its tasks are.
    pub assigned_to: Option<AgentId>,
    /// Every day, week, month or year.
    pub rule_type: RecurringType,
    /// Every how many of these.
    pub interval: i64,
    /// IANA name of the time zone.
    pub timezone: String,
    /// Day of the month, 1 to 31.
    pub anchor_day: Option<i8>,
    /// Month, 1 to 12.
    pub anchor_month: Option<i8>,
    /// Day of the week, 0 to 6 from Sunday.
    pub anchor_weekday: Option<i8>,
    /// What its occurrences are counted from.
    pub start: Start,
    /// When it is due next, or would be if it were active.
    pub next_due_at: Timestamp,
    /// When its last task was created.
    pub last_spawned_at: Option<Timestamp>,
    /// Its last task.
    pub last_task: Option<TaskId>,
    /// It is in use.
    pub active: bool,
    /// No task while the last one is unfinished.
    pub skip_if_open: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the last event was recorded.
    pub updated_at: Timestamp,
    /// Which agent caused the last event.
    pub updated_by: Option<AgentId>,
}

/// A recurrence, whole. Field by field protocol 2.6.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "protocol 2.6 describes each; the OpenAPI document repeats it")]
pub struct RecurrenceDocument {
    pub id: RecurrenceId,
    pub content: String,
    pub description: Option<String>,
    pub project_id: Option<ProjectId>,
    pub priority: u8,
    pub labels: Vec<String>,
    pub assigned_to_agent_id: Option<AgentId>,
    pub assigned_to_agent: Option<AgentRef>,
    pub rule_type: RecurringType,
    pub interval: i64,
    pub timezone: String,
    pub anchor_day: Option<i8>,
    pub anchor_month: Option<i8>,
    pub anchor_weekday: Option<i8>,
    pub next_due_at: Timestamp,
    pub last_spawned_at: Option<Timestamp>,
    pub active: bool,
    pub skip_if_open: bool,
    pub created_by_agent_id: Option<AgentId>,
    pub created_by_agent: Option<AgentRef>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

pub(super) fn evolve(mut recurrence: Recurrence, event: RecurrenceEvent) -> Recurrence {
    match event {
        RecurrenceEvent::Created { recurrence_id, mut fields } => {
            recurrence.id = recurrence_id;
            recurrence.exists = true;
            recurrence.created_at = recurrence.updated_at;
            recurrence.created_by = recurrence.updated_by;
            fields.set_in(&mut recurrence);
        }
        RecurrenceEvent::Updated { mut fields } => fields.set_in(&mut recurrence),
        RecurrenceEvent::Spawned { occurrence: _, task_id, next_due_at } => {
            recurrence.last_task = Some(task_id);
            recurrence.last_spawned_at = Some(recurrence.updated_at);
            recurrence.next_due_at = next_due_at;
        }
        RecurrenceEvent::Skipped { occurrence: _, next_due_at } => {
            recurrence.next_due_at = next_due_at;
        }
        RecurrenceEvent::Deleted => {
            recurrence.active = false;
            recurrence.deleted = true;
        }
    }
    recurrence
}

impl Recurrence {
    /// It was created and not deleted.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.exists && !self.deleted
    }

    /// When its next task is to be created; `None` while it is not in use.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        (self.is_alive() && self.active).then_some(self.next_due_at)
    }

    /// The caller may read it: it is theirs, or its tasks are, or they read every task.
    #[must_use]
    pub fn is_readable_by(&self, caller: &Standing) -> bool {
        let is_theirs = |agent| self.created_by == Some(agent) || self.assigned_to == Some(agent);
        caller.may(Right::ReadAllTasks) || caller.agent().is_some_and(is_theirs)
    }

    /// The caller may change and delete it: it is theirs, or they manage those of others.
    #[must_use]
    pub fn is_writable_by(&self, caller: &Standing) -> bool {
        let is_theirs = |agent| self.created_by == Some(agent);
        caller.may(Right::ManageRecurrences)
            || (caller.may(Right::Write) && caller.agent().is_some_and(is_theirs))
    }

    /// Its rule. A zone that the rules of zones do not know any more counts as UTC.
    pub(super) fn rule(&self) -> Rule {
        Rule {
            every: self.rule_type,
            interval: self.interval,
            anchors: Anchors {
                day: self.anchor_day,
                month: self.anchor_month,
                weekday: self.anchor_weekday,
            },
            zone: calendar::time_zone(&self.timezone).unwrap_or(TimeZone::UTC),
        }
    }

    /// The fields of the task of an occurrence, which is due on the day that the zone's clocks show
    /// then. Who is not active in `account` any more is given nothing, and what was deleted there
    /// holds nothing.
    #[must_use]
    pub fn task_of(&self, occurrence: Timestamp, account: &Account) -> Changes {
        let can_act = |id: &AgentId| account.agents.get(id).is_some_and(|agent| agent.is_live());
        let assignee = self.assigned_to.filter(can_act);
        let project = self.project_id.filter(|id| account.projects.contains_key(id));
        Changes {
            content: Some(self.content.clone()),
            description: self.description.clone().map(Some),
            priority: Some(self.priority),
            labels: Some(self.labels.clone()),
            due_date: Some(Some(self.rule().local(occurrence).date())),
            assigned_to: assignee.map(Some),
            project_id: project.map(Some),
            ..Changes::default()
        }
    }

    /// The recurrence with the names of `directory`, which is the account as of the same position.
    #[must_use]
    pub fn document(&self, directory: &Account) -> RecurrenceDocument {
        let agent = |id: Option<AgentId>| id.and_then(|id| directory.agent_ref(id));
        RecurrenceDocument {
            id: self.id,
            content: self.content.clone(),
            description: self.description.clone(),
            project_id: self.project_id.filter(|id| directory.projects.contains_key(id)),
            priority: self.priority,
            labels: self.labels.clone(),
            assigned_to_agent_id: self.assigned_to,
            assigned_to_agent: agent(self.assigned_to),
            rule_type: self.rule_type,
            interval: self.interval,
            timezone: self.timezone.clone(),
            anchor_day: self.anchor_day,
            anchor_month: self.anchor_month,
            anchor_weekday: self.anchor_weekday,
            next_due_at: self.next_due_at,
            last_spawned_at: self.last_spawned_at,
            active: self.active,
            skip_if_open: self.skip_if_open,
            created_by_agent_id: self.created_by,
            created_by_agent: agent(self.created_by),
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}
