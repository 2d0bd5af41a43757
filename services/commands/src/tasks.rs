//! Commands about tasks.

use baton_domain::{
    TaskId,
    task::{Changes, Dependencies, Draft, Parent, Status, Task, TaskCommand, Tasks, Update},
};
use baton_history::{Versioned, task_stream};
use baton_log::StreamId;
use esrs::Aggregate as _;
use uuid::Uuid;

use crate::{
    attempt::Attempt,
    dependencies,
    error::CommandError,
    execute::{Answer, Commands, Context},
    late,
    plan::{Change, Command, Plan},
    projects, recurring,
};

/// Ids of things that a task may be put into.
#[derive(Debug, Clone, Default)]
pub struct ForeignIds {
    /// A project's id, or none to take it out.
    pub project_id: Option<Option<String>>,
    /// An epic's id. No account has any yet.
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
    /// Open it again after a failure.
    Retry,
    /// Tell it what names nothing beside the task, so that nothing need be looked up: complete,
    /// uncomplete, fail, cancel, claim, heartbeat, state, release, context, delete.
    Tell(TaskCommand),
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
        if matches!(self.foreign.project_id, Some(Some(_))) {
            projects::protect(attempt)?;
        }
        // Nothing is said of what the body names before the parent is the caller's to write.
        let delegator = match &self.parent {
            Some(parent) => Some(attempt.writable_task(parent, "Parent task").await?),
            None => None,
        };
        let project = self.foreign.project_id.as_ref();
        self.changes.project_id = projects::placed(attempt, None, project)?;
        find_epic(&self.foreign)?;
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
        let (id, origin) = (self.id, None);
        let draft = Draft { id, changes: self.changes, parent, dependencies, origin };
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
        let (stream, before) = reach(attempt, &self).await?;
        if is_said_again(attempt, &before.state, &self.action) {
            return Ok(Plan::new(Change { stream, before, events: Vec::new() }));
        }
        if let Some(kept) = late::instead(attempt, (&stream, &before), &self.action) {
            return kept;
        }
        if !has_its_own_right(&self.action)
            && !before.state.is_writable_by(&attempt.standing, attempt.at)
        {
            return Err(CommandError::NotWritable);
        }
        let command = match self.action {
            TaskAction::Update { mut update, assigned_to, depends_on, foreign } => {
                let (now, wanted) = (before.state.project_id, foreign.project_id.as_ref());
                update.changes.project_id = projects::placed(attempt, now, wanted)?;
                find_epic(&foreign)?;
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
            TaskAction::Retry => {
                let dependencies = dependencies::stand(attempt, &before.state.depends_on).await?;
                TaskCommand::Retry(dependencies)
            }
            TaskAction::Tell(command) => command,
        };
        let events = Tasks::handle_command(&before.state, attempt.order(command))?;
        recurring::followed_up(attempt, Change { stream, before, events })
    }
}

/// The task, if it is there for the caller and this action.
async fn reach(
    attempt: &Attempt<'_>,
    change: &ChangeTask,
) -> Result<(StreamId, Versioned<Task>), CommandError> {
    use TaskCommand::{Claim, Heartbeat, SetState};
    match change.action {
        TaskAction::Tell(Claim { .. }) => attempt.claimable_task(&change.id).await,
        TaskAction::Tell(Heartbeat { .. } | SetState { .. }) => {
            attempt.agents_only()?;
            attempt.readable_task(&change.id, "Task").await
        }
        _ => attempt.readable_task(&change.id, "Task").await,
    }
}

/// Who may do it is not who may write the task: the decision says so.
fn has_its_own_right(action: &TaskAction) -> bool {
    use TaskCommand::{Claim, Heartbeat, Release, SetState};
    matches!(
        action,
        TaskAction::Tell(Claim { .. } | Heartbeat { .. } | SetState { .. } | Release { .. })
    )
}

/// Whoever completed the task may say so again, as after a lost answer: without W, if it had that
/// by a claim.
fn is_said_again(attempt: &Attempt<'_>, task: &Task, action: &TaskAction) -> bool {
    let TaskAction::Tell(TaskCommand::Complete(finish)) = action else { return false };
    let names_another = finish.fence.claim_generation.is_some_and(|it| it != task.claim_generation);
    let agent = attempt.standing.agent();
    task.status == Status::Completed
        && !names_another
        && agent.is_some()
        && task.completed_by == agent
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

/// No account has epics yet.
fn find_epic(foreign: &ForeignIds) -> Result<(), CommandError> {
    match foreign.epic_id {
        Some(_) => Err(CommandError::NotFound { what: "Epic" }),
        None => Ok(()),
    }
}
