//! What a task's own fields make follow: the next task of one that repeats, in the append that
//! completes it, and the note that its reminder was due (protocol 1.2, 1.9).
//!
//! What follows and when says the domain. Must not follow up a task that it does not complete.

use baton_domain::{
    AgentId, Envelope, ProjectId, TaskId, Timestamp,
    task::{self, Changes, Dependencies, Draft, Origin, Task, TaskCommand, TaskEvent, Tasks},
};
use baton_history::{Versioned, task_stream};
use esrs::Aggregate as _;
use uuid::Uuid;

use crate::{
    attempt::Attempt,
    error::CommandError,
    execute::{Answer, Commands, Context},
    plan::{Change, Command, Plan},
};

/// Note that this reminder of a task is due.
#[derive(Debug, Clone, Copy)]
struct Remind {
    id: TaskId,
    reminder_time: Timestamp,
}

impl Commands {
    /// Notes that a task's reminder was due. Without effect where it was noted before, is another
    /// one by now or still ahead, and where the task is finished or deleted.
    ///
    /// # Errors
    /// [`CommandError`] where the log does not answer.
    pub async fn remind_task(
        &self,
        context: &Context,
        id: TaskId,
        reminder_time: Timestamp,
    ) -> Result<Answer<Task>, CommandError> {
        self.execute(context, Remind { id, reminder_time }).await
    }
}

impl Command for Remind {
    type State = Task;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Task>, CommandError> {
        let (stream, before) = attempt.task(self.id).await?;
        let mut events = Vec::new();
        if before.state.is_alive() {
            let order = attempt.order(TaskCommand::Remind { reminder_time: self.reminder_time });
            events = Tasks::handle_command(&before.state, order)?;
        }
        Ok(Plan::new(Change { stream, before, events }))
    }
}

/// The change of a task, with the task that follows it where it is completed and repeats: one
/// append for both.
pub(crate) fn followed_up(
    attempt: &Attempt<'_>,
    mut change: Change<Task>,
) -> Result<Plan<Task>, CommandError> {
    if !completes_what_repeats(&change) {
        return Ok(Plan::new(change));
    }
    let envelope = Envelope { at: attempt.at, actor: attempt.standing.actor.clone() };
    let before = Task::clone(&change.before.state);
    let fold = |task, event| task::fold(task, &envelope, event);
    let completed = change.events.iter().cloned().fold(before, fold);
    let next = TaskId(Uuid::now_v7());
    let recurred = attempt.order(TaskCommand::Recur { next });
    let recurred = Tasks::handle_command(&completed, recurred)?;
    let mut also = Vec::new();
    for event in &recurred {
        if let TaskEvent::Recurred { task_id, due_date } = event {
            let (changes, created_by) = (completed.next_time(*due_date), completed.created_by);
            also.push(next_time(attempt, *task_id, changes, created_by)?);
        }
    }
    change.events.extend(recurred);
    Ok(Plan { also, ..Plan::new(change) })
}

/// Spares all others a look at the task as it is when completed.
fn completes_what_repeats(change: &Change<Task>) -> bool {
    change.events.iter().any(|event| match event {
        TaskEvent::Completed { changes, .. } => {
            changes.is_recurring.unwrap_or(change.before.state.is_recurring)
        }
        _ => false,
    })
}

/// The creation of the task that follows, in the name of who created the first. An assignee that
/// cannot be given tasks any more, and a project that is gone, are left out.
fn next_time(
    attempt: &Attempt<'_>,
    id: TaskId,
    mut changes: Changes,
    created_by: Option<AgentId>,
) -> Result<Change<Task>, CommandError> {
    let account = &attempt.account.state;
    let is_live = |id: &AgentId| account.agents.get(id).is_some_and(|agent| agent.is_live());
    changes.assigned_to = changes.assigned_to.filter(|to| to.as_ref().is_some_and(is_live));
    let is_there = |id: &ProjectId| account.projects.contains_key(id);
    changes.project_id = changes.project_id.filter(|id| id.as_ref().is_some_and(is_there));
    let (parent, dependencies) = (None, Dependencies::default());
    let origin = Some(Origin { created_by, recurrence_id: None });
    let draft = Draft { id, changes, parent, dependencies, origin };
    let before = Versioned::default();
    let order = attempt.order(TaskCommand::Create(Box::new(draft)));
    let events = Tasks::handle_command(&before.state, order)?;
    Ok(Change { stream: task_stream(attempt.account_id(), id), before, events })
}
