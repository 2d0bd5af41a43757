//! What a task depends on: which tasks, whether they are done, and that no circle comes of it.
//!
//! Every task looked at is a guard of the append: one that is completed, or changed to depend on
//! something, at the same moment makes the command decide again.

use std::collections::BTreeSet;

use baton_domain::{
    TaskId,
    task::{Dependencies, Status, Task, TaskCommand, TaskRefusal, Tasks},
};
use esrs::Aggregate as _;

use crate::{
    attempt::Attempt,
    error::CommandError,
    execute::{Answer, Commands, Context},
    plan::{Change, Command, Plan},
};

/// Tasks that are looked at to find out whether a task would wait for itself. Each is a guard, of
/// which the log takes `COMMAND_STREAMS_MAX`.
const TASKS_WALKED_MAX: usize = 900;

/// The tasks that a client names, each once. Those among `known` are no news: the client need
/// not be able to read them.
pub(crate) async fn named(
    attempt: &Attempt<'_>,
    references: &[String],
    known: &[TaskId],
) -> Result<Vec<TaskId>, CommandError> {
    let mut ids = Vec::with_capacity(references.len());
    for reference in references {
        let id = match reference.parse().ok().filter(|id| known.contains(id)) {
            Some(id) => id,
            None => attempt.readable_task(reference, "Dependency task").await?.1.state.id,
        };
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// How it stands with the tasks that a task depends on.
pub(crate) async fn stand(
    attempt: &Attempt<'_>,
    ids: &[TaskId],
) -> Result<Dependencies, CommandError> {
    let mut dependencies = Dependencies::default();
    for id in ids {
        if waits_for(&attempt.task(*id).await?.1.state) {
            // The others cannot change that: they need not stay as they are.
            dependencies.wait = true;
            break;
        }
    }
    Ok(dependencies)
}

/// Whether a task that were to depend on these would wait for itself.
pub(crate) async fn lead_back(
    attempt: &Attempt<'_>,
    ids: &[TaskId],
    to: TaskId,
) -> Result<bool, CommandError> {
    let mut found: BTreeSet<TaskId> = ids.iter().copied().collect();
    let mut next: Vec<TaskId> = ids.to_vec();
    while let Some(id) = next.pop() {
        if id == to {
            return Ok(true);
        }
        if found.len() > TASKS_WALKED_MAX {
            let (field, max) = ("depends_on", TASKS_WALKED_MAX);
            let unit = "tasks, counted with all that these depend on";
            return Err(TaskRefusal::TooLarge { field, max, unit }.into());
        }
        let (_, task) = attempt.task(id).await?;
        if task.state.is_alive() {
            next.extend(task.state.depends_on.iter().filter(|id| found.insert(**id)));
        }
    }
    Ok(false)
}

/// A deleted task is waited for no more: its id is about to disappear.
fn waits_for(dependency: &Task) -> bool {
    dependency.is_alive() && dependency.status != Status::Completed
}

/// Look again at what a task depends on.
#[derive(Debug, Clone, Copy)]
struct Reconsider {
    id: TaskId,
}

impl Commands {
    /// Looks again at what a task depends on, because one of those was completed or deleted:
    /// opens the task if nothing is left to wait for (protocol 1.2). Without effect on a task
    /// that is deleted or waits for nothing.
    ///
    /// # Errors
    /// [`CommandError`] where the log does not answer.
    pub async fn reconsider_task(
        &self,
        context: &Context,
        id: TaskId,
    ) -> Result<Answer<Task>, CommandError> {
        self.execute(context, Reconsider { id }).await
    }
}

impl Command for Reconsider {
    type State = Task;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Task>, CommandError> {
        let (stream, before) = attempt.task(self.id).await?;
        if !before.state.is_alive() {
            return Ok(Plan::new(Change { stream, before, events: Vec::new() }));
        }
        let mut dependencies = Dependencies::default();
        let mut gone = Vec::new();
        for id in &before.state.depends_on {
            let (_, task) = attempt.task(*id).await?;
            dependencies.wait |= waits_for(&task.state);
            if task.state.deleted {
                gone.push(*id);
            }
        }
        let order = attempt.order(TaskCommand::Reconsider { gone, dependencies });
        let events = Tasks::handle_command(&before.state, order)?;
        Ok(Plan::new(Change { stream, before, events }))
    }
}
