//! Commands about projects, and what a task's project is to become (protocol 1.7).

use baton_domain::{
    ProjectId, Right,
    account::{
        Account, AccountCommand, Accounts, Project, ProjectChanges, ProjectCommand, ProjectCreated,
    },
};
use baton_history::account_stream;
use baton_log::StreamId;
use esrs::Aggregate as _;
use uuid::Uuid;

use crate::{
    attempt::Attempt,
    error::CommandError,
    execute::{Answer, Commands, Context},
    plan::{Change, Command, Plan, versioned},
};

/// The kind of what such a command is about.
const KIND: &str = "project";

/// Create a project.
#[derive(Debug, Clone)]
pub struct CreateProject {
    id: ProjectId,
    /// Its name.
    pub name: String,
    /// For people.
    pub emoji: Option<String>,
    /// For people.
    pub color: Option<String>,
    /// Its place among the projects.
    pub sort_order: i64,
}

impl CreateProject {
    /// A project with a fresh id and this name, in the first place.
    #[must_use]
    pub fn new(name: String) -> Self {
        let id = ProjectId(Uuid::now_v7());
        Self { id, name, emoji: None, color: None, sort_order: 0 }
    }
}

/// Change a project.
#[derive(Debug, Clone)]
pub struct ChangeProject {
    /// Its id as the client gave it.
    pub id: String,
    /// What to set.
    pub changes: ProjectChanges,
}

/// Delete a project. Its tasks stay, in no project.
#[derive(Debug, Clone)]
pub struct DeleteProject {
    /// Its id as the client gave it.
    pub id: String,
}

impl Commands {
    /// Creates a project.
    ///
    /// # Errors
    /// [`CommandError`]: not an admin, or the account has as many as it may.
    pub async fn create_project(
        &self,
        context: &Context,
        command: CreateProject,
    ) -> Result<Answer<Account>, CommandError> {
        self.execute(context, command).await
    }

    /// Changes a project.
    ///
    /// # Errors
    /// [`CommandError`]: not an admin, or no such project.
    pub async fn change_project(
        &self,
        context: &Context,
        command: ChangeProject,
    ) -> Result<Answer<Account>, CommandError> {
        self.execute(context, command).await
    }

    /// Deletes a project.
    ///
    /// # Errors
    /// [`CommandError`]: not an admin, or no such project.
    pub async fn delete_project(
        &self,
        context: &Context,
        command: DeleteProject,
    ) -> Result<Answer<Account>, CommandError> {
        self.execute(context, command).await
    }
}

impl Answer<Account> {
    /// The project the command was about, as of the answer's position.
    #[must_use]
    pub fn project(&self) -> Option<&Project> {
        let id: ProjectId = self.subject.id.parse().ok()?;
        let account = if self.is_replay { &self.directory } else { &self.state };
        account.projects.get(&id)
    }
}

impl Command for CreateProject {
    type State = Account;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Account>, CommandError> {
        let Self { id, name, emoji, color, sort_order } = self;
        let created = ProjectCreated { project_id: id, name, emoji, color, sort_order };
        plan(attempt, id, ProjectCommand::Create(created))
    }
}

impl Command for ChangeProject {
    type State = Account;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Account>, CommandError> {
        let project = named(&self.id);
        plan(attempt, project, ProjectCommand::Update { project, changes: self.changes })
    }
}

impl Command for DeleteProject {
    type State = Account;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Account>, CommandError> {
        let project = named(&self.id);
        plan(attempt, project, ProjectCommand::Delete { project })
    }
}

/// What is no id names the project that never was: the account says that it is not there, to
/// those who may know.
fn named(id: &str) -> ProjectId {
    id.parse().unwrap_or_default()
}

fn plan(
    attempt: &Attempt<'_>,
    project: ProjectId,
    command: ProjectCommand,
) -> Result<Plan<Account>, CommandError> {
    let before = versioned(&attempt.account);
    let order = attempt.order(AccountCommand::Project(command));
    let events = Accounts::handle_command(&before.state, order)?;
    let stream = account_stream(attempt.account_id());
    let subject = StreamId { kind: KIND.to_owned(), id: project.to_string(), ..stream.clone() };
    Ok(Plan { subject, ..Plan::new(Change { stream, before, events }) })
}

/// What a task's project is to become, where that is another than it is shown in now: nobody
/// needs a right to what is no change.
pub(crate) fn placed(
    attempt: &Attempt<'_>,
    now: Option<ProjectId>,
    wanted: Option<&Option<String>>,
) -> Result<Option<Option<ProjectId>>, CommandError> {
    let Some(wanted) = wanted else { return Ok(None) };
    let projects = &attempt.account.state.projects;
    let shown = now.filter(|id| projects.contains_key(id)).map(|id| id.to_string());
    if *wanted == shown {
        return Ok(None);
    }
    protect(attempt)?;
    let Some(reference) = wanted else { return Ok(Some(None)) };
    let found = reference.parse::<ProjectId>().ok().filter(|id| projects.contains_key(id));
    found.map(|id| Some(Some(id))).ok_or(CommandError::NotFound { what: "Project" })
}

/// Who may not use projects is told so before it learns which there are.
pub(crate) fn protect(attempt: &Attempt<'_>) -> Result<(), CommandError> {
    match attempt.standing.may(Right::UseProjects) {
        true => Ok(()),
        false => Err(CommandError::ProjectIsProtected),
    }
}
