//! Several tasks deleted at once: all of them or none (protocol 1.2).

use std::collections::HashSet;

use baton_domain::task::{Task, TaskCommand, Tasks};
use esrs::Aggregate as _;

use crate::{
    attempt::Attempt,
    error::CommandError,
    execute::{Answer, Commands, Context},
    plan::{Change, Command, Plan},
};

/// Delete these tasks, all of them or none.
#[derive(Debug, Clone)]
pub struct DeleteTasks {
    /// Their ids as the client gave them, at least one; one that comes twice counts once.
    pub ids: Vec<String>,
}

impl Commands {
    /// Deletes several tasks in one append. The answer is about the first of them.
    ///
    /// # Errors
    /// [`CommandError`]: one of them cannot be read or written, and is named; nothing is deleted.
    pub async fn delete_tasks(
        &self,
        context: &Context,
        command: DeleteTasks,
    ) -> Result<Answer<Task>, CommandError> {
        self.execute(context, command).await
    }
}

impl Command for DeleteTasks {
    type State = Task;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Task>, CommandError> {
        let mut met = HashSet::new();
        let mut changes = Vec::with_capacity(self.ids.len());
        for id in self.ids.iter().filter(|id| met.insert(*id)) {
            let found = attempt.writable_task(id, "Task").await;
            let (stream, before) = found.map_err(|refusal| naming(id, refusal))?;
            let order = attempt.order(TaskCommand::Delete);
            let events = Tasks::handle_command(&before.state, order)?;
            changes.push(Change { stream, before, events });
        }
        let mut changes = changes.into_iter();
        let first = changes.next().ok_or(CommandError::NotFound { what: "Task" })?;
        Ok(Plan { also: changes.collect(), leads: false, ..Plan::new(first) })
    }
}

/// The refusal, with the task that it is about.
fn naming(id: &str, refusal: CommandError) -> CommandError {
    let id = id.to_owned();
    match refusal {
        CommandError::NotFound { .. } => CommandError::OneNotFound { id },
        CommandError::NotWritable => CommandError::OneNotWritable { id },
        other => other,
    }
}
