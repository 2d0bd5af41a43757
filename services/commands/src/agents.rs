//! Commands about accounts and their agents.

use baton_domain::{
    AgentId, Right,
    account::{Account, AccountCommand, Accounts, Agent, AgentChanges, KeyHash, NewAgent, Role},
};
use baton_history::account_stream;
use baton_log::StreamId;
use esrs::Aggregate as _;
use uuid::Uuid;

use crate::{
    attempt::Attempt,
    error::CommandError,
    execute::{Answer, Commands, Context},
    keys::KeyText,
    plan::{Change, Command, Plan, versioned},
};

/// Open an account with a project token of its own.
#[derive(Debug, Clone)]
pub struct OpenAccount {
    /// SHA-256 of the token.
    pub token_hash: KeyHash,
}

/// Give an account a new project token.
#[derive(Debug, Clone)]
pub struct RotateToken {
    /// SHA-256 of the token.
    pub token_hash: KeyHash,
}

/// Create an agent.
#[derive(Debug, Clone)]
pub struct CreateAgent {
    id: AgentId,
    key: KeyText,
    /// Its name.
    pub name: String,
    /// Free text, also used for routing.
    pub label: Option<String>,
    /// For people.
    pub display_name: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Its role.
    pub role: Option<Role>,
    /// Its permissions.
    pub permissions: Option<Vec<String>>,
}

impl CreateAgent {
    /// An agent with a fresh id, a fresh key and this name.
    #[must_use]
    pub fn new(name: String) -> Self {
        Self {
            id: AgentId(Uuid::now_v7()),
            key: KeyText::random(),
            name,
            label: None,
            display_name: None,
            description: None,
            role: None,
            permissions: None,
        }
    }

    /// What the account is told, and the key that is shown once.
    fn into_new_agent(self) -> (NewAgent, KeyText) {
        let agent = NewAgent {
            id: self.id,
            name: self.name,
            label: self.label,
            display_name: self.display_name,
            description: self.description,
            role: self.role,
            permissions: self.permissions,
            key: self.key.to_new_key(),
        };
        (agent, self.key)
    }
}

/// Create the first agent of an account, an admin.
#[derive(Debug, Clone)]
struct CreateFirstAgent(CreateAgent);

/// Change an agent.
#[derive(Debug, Clone)]
pub struct ChangeAgent {
    /// Reference to the agent: id or name.
    pub agent: String,
    /// What to set.
    pub changes: AgentChanges,
}

/// Give an agent a new key.
#[derive(Debug, Clone)]
pub struct RotateKey {
    key: KeyText,
    /// Reference to the agent: id or name.
    pub agent: String,
}

impl RotateKey {
    /// A fresh key for the agent.
    #[must_use]
    pub fn new(agent: String) -> Self {
        Self { key: KeyText::random(), agent }
    }
}

/// Delete an agent.
#[derive(Debug, Clone)]
pub struct DeleteAgent {
    /// Reference to the agent: id or name.
    pub agent: String,
    /// Unfinished tasks assigned to it or claimed by it.
    pub unfinished_tasks: u64,
    /// The account's last `account_seq` when they were counted: anything that happens in the
    /// account between counting and deleting makes the command start over.
    pub counted_at: i64,
}

impl Commands {
    /// Opens an account. The caller is Baton itself: only an operator may.
    ///
    /// # Errors
    /// [`CommandError`]: the account exists with another token.
    pub async fn open_account(
        &self,
        context: &Context,
        command: OpenAccount,
    ) -> Result<Answer<Account>, CommandError> {
        self.execute(context, command).await
    }

    /// Gives an account a new project token; the old one is refused here at once, at other
    /// nodes within a second. The caller is Baton itself: only an operator may.
    ///
    /// # Errors
    /// [`CommandError`]: the account was never opened.
    pub async fn rotate_token(
        &self,
        context: &Context,
        command: RotateToken,
    ) -> Result<Answer<Account>, CommandError> {
        self.execute(context, command).await
    }

    /// Creates an agent; the answer's secret is its key. For a
    /// [founder](crate::Caller::founder) it must be the first that the account ever had, and
    /// becomes an admin: of several who try at once, at whatever nodes, one succeeds.
    ///
    /// # Errors
    /// [`CommandError`]: not an admin, or the name is taken.
    pub async fn create_agent(
        &self,
        context: &Context,
        command: CreateAgent,
    ) -> Result<Answer<Account>, CommandError> {
        match context.caller.is_founder() {
            true => self.execute(context, CreateFirstAgent(command)).await,
            false => self.execute(context, command).await,
        }
    }

    /// Changes an agent.
    ///
    /// # Errors
    /// [`CommandError`]: no such agent, or a field the caller may not change.
    pub async fn change_agent(
        &self,
        context: &Context,
        command: ChangeAgent,
    ) -> Result<Answer<Account>, CommandError> {
        self.execute(context, command).await
    }

    /// Gives an agent a new key; the answer's secret is the key. The old one is
    /// refused here at once, at other nodes within a second.
    ///
    /// # Errors
    /// [`CommandError`]: no such agent, or not the caller's to rotate.
    pub async fn rotate_key(
        &self,
        context: &Context,
        command: RotateKey,
    ) -> Result<Answer<Account>, CommandError> {
        self.execute(context, command).await
    }

    /// Deletes an agent.
    ///
    /// # Errors
    /// [`CommandError`]: as the account refuses; [`CommandError::Contended`] when the account
    /// changed since the tasks were counted: count again.
    pub async fn delete_agent(
        &self,
        context: &Context,
        command: DeleteAgent,
    ) -> Result<Answer<Account>, CommandError> {
        self.execute(context, command).await
    }
}

impl Answer<Account> {
    /// The agent the command was about, as of the answer's position.
    #[must_use]
    pub fn agent(&self) -> Option<&Agent> {
        let id: AgentId = self.subject.id.parse().ok()?;
        let account = if self.is_replay { &self.directory } else { &self.state };
        account.agents.get(&id)
    }
}

impl Command for OpenAccount {
    type State = Account;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Account>, CommandError> {
        let token_hash = self.token_hash;
        plan(attempt, AgentId::default(), AccountCommand::Open { token_hash })
    }
}

impl Command for RotateToken {
    type State = Account;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Account>, CommandError> {
        let token_hash = self.token_hash;
        plan(attempt, AgentId::default(), AccountCommand::RotateToken { token_hash })
    }
}

impl Command for CreateAgent {
    type State = Account;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Account>, CommandError> {
        let (agent, key) = self.into_new_agent();
        let plan = plan(attempt, agent.id, AccountCommand::CreateAgent(agent))?;
        Ok(Plan { secret: Some(key), ..plan })
    }
}

impl Command for CreateFirstAgent {
    type State = Account;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Account>, CommandError> {
        let (agent, key) = self.0.into_new_agent();
        let plan = plan(attempt, agent.id, AccountCommand::CreateFirstAgent(agent))?;
        Ok(Plan { secret: Some(key), ..plan })
    }
}

impl Command for ChangeAgent {
    type State = Account;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Account>, CommandError> {
        let agent = find(attempt, &self.agent)?;
        let changes = self.changes;
        plan(attempt, agent, AccountCommand::UpdateAgent { agent, changes })
    }
}

impl Command for RotateKey {
    type State = Account;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Account>, CommandError> {
        let agent = find(attempt, &self.agent)?;
        let key = self.key.to_new_key();
        let plan = plan(attempt, agent, AccountCommand::RotateKey { agent, key })?;
        Ok(Plan { secret: Some(self.key), ..plan })
    }
}

impl Command for DeleteAgent {
    type State = Account;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Account>, CommandError> {
        let agent = find(attempt, &self.agent)?;
        let unfinished_tasks = self.unfinished_tasks;
        let command = AccountCommand::DeleteAgent { agent, unfinished_tasks };
        Ok(Plan { head: Some(self.counted_at), ..plan(attempt, agent, command)? })
    }
}

fn plan(
    attempt: &Attempt<'_>,
    agent: AgentId,
    command: AccountCommand,
) -> Result<Plan<Account>, CommandError> {
    let before = versioned(&attempt.account);
    let events = Accounts::handle_command(&before.state, attempt.order(command))?;
    let stream = account_stream(attempt.account_id());
    let subject = StreamId { kind: "agent".to_owned(), id: agent.to_string(), ..stream.clone() };
    Ok(Plan { subject, ..Plan::new(Change { stream, before, events }) })
}

/// The agent a reference means. Who may not list agents learns nothing about others: for it,
/// another agent and none are the same 403.
fn find(attempt: &Attempt<'_>, reference: &str) -> Result<AgentId, CommandError> {
    let found = attempt.account.state.find(reference).map(|agent| agent.id);
    match found {
        Some(agent) => Ok(agent),
        None if attempt.standing.may(Right::ManageAgents) => {
            Err(CommandError::NotFound { what: "Agent" })
        }
        None => {
            Err(baton_domain::account::AccountRefusal::NotAdmin { action: "change another agent" }
                .into())
        }
    }
}
