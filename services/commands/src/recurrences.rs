//! Commands about recurrences (protocol 1.9), and what the scheduler has them do when they are
//! due.

use baton_domain::{
    RecurrenceId, TaskId, Timestamp,
    recurrence::{
        Recurrence, RecurrenceCommand, RecurrenceEvent, RecurrenceFields, RecurrenceRefusal,
        Recurrences,
    },
    task::{Dependencies, Draft, Origin, TaskCommand, Tasks},
};
use baton_history::{Versioned, recurrence_stream, task_stream};
use esrs::Aggregate as _;
use uuid::Uuid;

use crate::{
    attempt::Attempt,
    error::CommandError,
    execute::{Answer, Commands, Context},
    plan::{Change, Command, Plan},
    projects,
};

/// Create a recurrence.
#[derive(Debug, Clone)]
pub struct CreateRecurrence {
    /// Its id, fresh.
    pub id: RecurrenceId,
    /// Its fields; `content` and `rule_type` are set, assignee and project are not.
    pub fields: RecurrenceFields,
    /// Reference to the assignee of its tasks: id or name.
    pub assigned_to: Option<String>,
    /// Id of the project that its tasks are put into.
    pub project_id: Option<String>,
}

impl CreateRecurrence {
    /// A recurrence with a fresh id and these fields.
    #[must_use]
    pub fn new(fields: RecurrenceFields) -> Self {
        let (assigned_to, project_id) = (None, None);
        Self { id: RecurrenceId(Uuid::now_v7()), fields, assigned_to, project_id }
    }
}

/// Do something to one recurrence.
#[derive(Debug, Clone)]
pub struct ChangeRecurrence {
    /// Its id as the client gave it; one of any other form matches nothing.
    pub id: String,
    /// What.
    pub action: RecurrenceAction,
}

/// What to do to a recurrence.
#[derive(Debug, Clone)]
pub enum RecurrenceAction {
    /// Set fields.
    Update {
        /// What to set, without assignee and project.
        fields: Box<RecurrenceFields>,
        /// Reference to the new assignee, or none.
        assigned_to: Option<Option<String>>,
        /// A project's id, or none to take it out.
        project_id: Option<Option<String>>,
    },
    /// Delete it.
    Delete,
}

#[derive(Clone, Copy)]
struct Fire {
    id: RecurrenceId,
    occurrence: Timestamp,
    task_id: TaskId,
}

impl Commands {
    /// Creates a recurrence.
    ///
    /// # Errors
    /// [`CommandError`]: unknown or inactive assignee, no right to use projects, or no such one.
    pub async fn create_recurrence(
        &self,
        context: &Context,
        command: CreateRecurrence,
    ) -> Result<Answer<Recurrence>, CommandError> {
        self.execute(context, command).await
    }

    /// Changes or deletes a recurrence.
    ///
    /// # Errors
    /// [`CommandError`]: no right to read or change it, or what is named is not there.
    pub async fn change_recurrence(
        &self,
        context: &Context,
        command: ChangeRecurrence,
    ) -> Result<Answer<Recurrence>, CommandError> {
        self.execute(context, command).await
    }

    /// Creates the task of an occurrence that has passed, in one append with the recurrence's own
    /// event; or records that there is none, because the last one is unfinished. Where the
    /// recurrence is due at another time, or is not in use, there is nothing to be done: whoever
    /// fires, an occurrence is fired once.
    ///
    /// # Errors
    /// [`CommandError`]: the occurrence is not due yet by this node's clock, or a failure.
    pub async fn fire_recurrence(
        &self,
        context: &Context,
        id: RecurrenceId,
        occurrence: Timestamp,
    ) -> Result<Answer<Recurrence>, CommandError> {
        let task_id = TaskId(Uuid::now_v7());
        self.execute(context, Fire { id, occurrence, task_id }).await
    }
}

impl Command for CreateRecurrence {
    type State = Recurrence;

    async fn plan(mut self, attempt: &Attempt<'_>) -> Result<Plan<Recurrence>, CommandError> {
        let project = self.project_id.map(Some);
        self.fields.project_id = projects::placed(attempt, None, project.as_ref())?;
        if let Some(reference) = &self.assigned_to {
            self.fields.assigned_to = Some(Some(attempt.assignee(reference)?));
        }
        let before = Versioned::default();
        let fields = Box::new(self.fields);
        let order = attempt.order(RecurrenceCommand::Create { id: self.id, fields });
        let events = Recurrences::handle_command(&before.state, order)?;
        let stream = recurrence_stream(attempt.account_id(), self.id);
        Ok(Plan::new(Change { stream, before, events }))
    }
}

impl Command for ChangeRecurrence {
    type State = Recurrence;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Recurrence>, CommandError> {
        let (stream, before) = attempt.readable_recurrence(&self.id).await?;
        if !before.state.is_writable_by(&attempt.standing) {
            return Err(RecurrenceRefusal::NotYours.into());
        }
        let command = match self.action {
            RecurrenceAction::Delete => RecurrenceCommand::Delete,
            RecurrenceAction::Update { mut fields, assigned_to, project_id } => {
                let now = before.state.project_id;
                fields.project_id = projects::placed(attempt, now, project_id.as_ref())?;
                fields.assigned_to = match assigned_to {
                    // An assignee that is set already may be inactive: it is no news.
                    Some(Some(it)) if is_assignee(attempt, &before.state, &it) => None,
                    Some(Some(reference)) => Some(Some(attempt.assignee(&reference)?)),
                    Some(None) => Some(None),
                    None => None,
                };
                RecurrenceCommand::Update { fields }
            }
        };
        let events = Recurrences::handle_command(&before.state, attempt.order(command))?;
        Ok(Plan::new(Change { stream, before, events }))
    }
}

impl Command for Fire {
    type State = Recurrence;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Recurrence>, CommandError> {
        let Self { id, occurrence, task_id } = self;
        let (stream, before) = attempt.recurrence(id).await?;
        let is_last_open = match before.state.last_task {
            Some(last) if before.state.skip_if_open => {
                let (_, last) = attempt.task(last).await?;
                last.state.is_alive() && !last.state.status.is_finished()
            }
            _ => false,
        };
        let command = RecurrenceCommand::Fire { occurrence, task_id, is_last_open };
        let events = Recurrences::handle_command(&before.state, attempt.order(command))?;
        let mut also = Vec::new();
        if events.iter().any(|event| matches!(event, RecurrenceEvent::Spawned { .. })) {
            let origin = Origin {
                created_by: before.state.created_by,
                recurrence_id: Some(before.state.id),
            };
            let draft = Draft {
                id: task_id,
                changes: before.state.task_of(occurrence, &attempt.account.state),
                parent: None,
                dependencies: Dependencies::default(),
                origin: Some(origin),
            };
            let before = Versioned::default();
            let order = attempt.order(TaskCommand::Create(Box::new(draft)));
            let events = Tasks::handle_command(&before.state, order)?;
            let stream = task_stream(attempt.account_id(), task_id);
            also.push(Change { stream, before, events });
        }
        Ok(Plan { also, ..Plan::new(Change { stream, before, events }) })
    }
}

fn is_assignee(attempt: &Attempt<'_>, recurrence: &Recurrence, reference: &str) -> bool {
    let found = attempt.account.state.find(reference);
    found.is_some_and(|agent| recurrence.assigned_to == Some(agent.id))
}
