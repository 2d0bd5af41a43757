//! Commands about tasks.

use baton_domain::{
    Right, TaskId,
    task::{
        Changes, Dependencies, Draft, Finish, Parent, Status, Task, TaskCommand, Tasks, Update,
    },
};
use baton_history::{Versioned, task_stream};
use esrs::Aggregate as _;
use uuid::Uuid;

use crate::{
    attempt::Attempt,
    dependencies,
    error::CommandError,
    execute::{Answer, Commands, Context},
    plan::{Change, Command, Plan},
};

/// Ids of things that a task may be put into. None of them exist yet in any account.
#[derive(Debug, Clone, Default)]
pub struct ForeignIds {
    /// A project's id.
    pub project_id: Option<String>,
    /// An epic's id.
    pub epic_id: Option<String>,
}

/// Create a task; with a parent: delegate a child.
#[derive(Debug, Clone)]
pub struct CreateTask {
    /// Its id, fresh.
    pub id: TaskId,
    /// Its fields; `content` is set, `assigned_to` is not.
    pub changes: Changes,
    /// Reference to the assignee: id or name.
    pub assigned_to: Option<String>,
    /// The task it is delegated from.
    pub parent: Option<String>,
    /// Ids of the tasks it waits for.
    pub depends_on: Vec<String>,
    /// What it is to be put into.
    pub foreign: ForeignIds,
}

impl CreateTask {
    /// A task with a fresh id and these fields.
    #[must_use]
    pub fn new(changes: Changes) -> Self {
        let (assigned_to, parent, depends_on) = (None, None, Vec::new());
        let (id, foreign) = (TaskId(Uuid::now_v7()), ForeignIds::default());
        Self { id, changes, assigned_to, parent, depends_on, foreign }
    }
}

/// Do something to one task.
#[derive(Debug, Clone)]
pub struct ChangeTask {
    /// Its id as the client gave it; one of any other form matches nothing.
    pub id: String,
    /// What.
    pub action: TaskAction,
}

/// What to do to a task.
#[derive(Debug, Clone)]
pub enum TaskAction {
    /// Set fields, the status among them.
    Update {
        /// What to set, without the assignee and what it waits for.
        update: Box<Update>,
        /// Reference to the new assignee, or none.
        assigned_to: Option<Option<String>>,
        /// Ids of all tasks it is to wait for.
        depends_on: Option<Vec<String>>,
        /// What it is to be put into.
        foreign: ForeignIds,
    },
    /// Hand it over.
    HandOver {
        /// Reference to the new assignee.
        to: String,
        /// What is said along with it.
        changes: Box<Changes>,
    },
    /// Complete it.
    Complete(Box<Finish>),
    /// Open it again, if completed.
    Uncomplete,
    /// Give it up.
    Fail(Box<Finish>),
    /// Open it again after a failure.
    Retry,
    /// Call it off.
    Cancel(Box<Finish>),
    /// Delete it.
    Delete,
}

impl Commands {
    /// Creates a task, or delegates a child.
    ///
    /// # Errors
    /// [`CommandError`]: unknown or inactive assignee, unreadable or unwritable parent, or a
    /// parent that cannot be delegated from.
    pub async fn create_task(
        &self,
        context: &Context,
        command: CreateTask,
    ) -> Result<Answer<Task>, CommandError> {
        self.execute(context, command).await
    }

    /// Changes a task.
    ///
    /// # Errors
    /// [`CommandError`]: no right to read or write it, or the task refuses.
    pub async fn change_task(
        &self,
        context: &Context,
        command: ChangeTask,
    ) -> Result<Answer<Task>, CommandError> {
        self.execute(context, command).await
    }
}

impl Command for CreateTask {
    type State = Task;

    async fn plan(mut self, attempt: &Attempt<'_>) -> Result<Plan<Task>, CommandError> {
        protect_projects(attempt, &self.foreign)?;
        // Nothing is said of what the body names before the parent is the caller's to write.
        let delegator = match &self.parent {
            Some(parent) => Some(attempt.writable_task(parent, "Parent task").await?),
            None => None,
        };
        find_foreign(&self.foreign)?;
        if let Some(reference) = &self.assigned_to {
            self.changes.assigned_to = Some(Some(attempt.assignee(reference)?));
        }
        let mut dependencies = Dependencies::default();
        if !self.depends_on.is_empty() {
            // Nothing can depend on it yet: no circle can come of these.
            let ids = dependencies::named(attempt, &self.depends_on, &[]).await?;
            dependencies = dependencies::stand(attempt, &ids).await?;
            self.changes.depends_on = Some(ids);
        }
        let mut also = Vec::new();
        let mut parent = None;
        if let Some((stream, before)) = delegator {
            let order = attempt.order(TaskCommand::AddChild { child: self.id });
            let events = Tasks::handle_command(&before.state, order)?;
            parent = Some(Parent {
                parent_id: before.state.id,
                root_id: before.state.root,
                depth: before.state.delegation_depth + 1,
                accountable: before.state.accountable,
            });
            also.push(Change { stream, before, events });
        }
        let draft = Draft { id: self.id, changes: self.changes, parent, dependencies };
        let before = Versioned::default();
        let order = attempt.order(TaskCommand::Create(Box::new(draft)));
        let events = Tasks::handle_command(&before.state, order)?;
        let stream = task_stream(attempt.account_id(), self.id);
        Ok(Plan { also, ..Plan::new(Change { stream, before, events }) })
    }
}

impl Command for ChangeTask {
    type State = Task;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Task>, CommandError> {
        let (stream, before) = attempt.writable_task(&self.id, "Task").await?;
        let command = match self.action {
            TaskAction::Update { mut update, assigned_to, depends_on, foreign } => {
                protect_projects(attempt, &foreign)?;
                find_foreign(&foreign)?;
                update.changes.assigned_to = match assigned_to {
                    // An assignee that is set already may be inactive: it is no news.
                    Some(Some(reference)) if is_assignee(attempt, &before.state, &reference) => {
                        None
                    }
                    Some(Some(reference)) => Some(Some(attempt.assignee(&reference)?)),
                    Some(None) => Some(None),
                    None => None,
                };
                depend(attempt, &before.state, &mut update, depends_on).await?;
                TaskCommand::Update(update)
            }
            TaskAction::HandOver { to, changes } => {
                TaskCommand::HandOver { to: attempt.assignee(&to)?, changes }
            }
            TaskAction::Complete(finish) => TaskCommand::Complete(finish),
            TaskAction::Uncomplete => TaskCommand::Uncomplete,
            TaskAction::Fail(finish) => TaskCommand::Fail(finish),
            TaskAction::Retry => {
                let dependencies = dependencies::stand(attempt, &before.state.depends_on).await?;
                TaskCommand::Retry(dependencies)
            }
            TaskAction::Cancel(finish) => TaskCommand::Cancel(finish),
            TaskAction::Delete => TaskCommand::Delete,
        };
        let events = Tasks::handle_command(&before.state, attempt.order(command))?;
        Ok(Plan::new(Change { stream, before, events }))
    }
}

/// Says what the task is to depend on after the update, and how it stands with that, where the
/// decision rests on it.
async fn depend(
    attempt: &Attempt<'_>,
    task: &Task,
    update: &mut Update,
    depends_on: Option<Vec<String>>,
) -> Result<(), CommandError> {
    if let Some(references) = depends_on {
        let ids = dependencies::named(attempt, &references, &task.depends_on).await?;
        if ids != task.depends_on {
            update.dependencies.lead_back = dependencies::lead_back(attempt, &ids, task.id).await?;
            update.changes.depends_on = Some(ids);
        }
    }
    if update.changes.depends_on.is_some() || update.status == Some(Status::Open) {
        let ids = update.changes.depends_on.as_ref().unwrap_or(&task.depends_on);
        update.dependencies.wait = dependencies::stand(attempt, ids).await?.wait;
    }
    Ok(())
}

fn is_assignee(attempt: &Attempt<'_>, task: &Task, reference: &str) -> bool {
    let found = attempt.account.state.find(reference);
    found.is_some_and(|agent| task.assigned_to == Some(agent.id))
}

fn protect_projects(attempt: &Attempt<'_>, foreign: &ForeignIds) -> Result<(), CommandError> {
    match foreign.project_id.is_none() || attempt.standing.may(Right::UseProjects) {
        true => Ok(()),
        false => Err(CommandError::ProjectIsProtected),
    }
}

fn find_foreign(foreign: &ForeignIds) -> Result<(), CommandError> {
    if foreign.project_id.is_some() {
        return Err(CommandError::NotFound { what: "Project" });
    }
    match foreign.epic_id {
        Some(_) => Err(CommandError::NotFound { what: "Epic" }),
        None => Ok(()),
    }
}
