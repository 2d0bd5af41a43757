//! An account and its agents: one stream, so that names, the last admin and keys are decided in
//! one place.

mod command;
mod decide;
mod event;
mod evolve;
mod project;
mod render;
mod state;

pub use command::{AccountCommand, AccountRefusal, AgentChanges, NewAgent, NewKey};
pub use decide::AGENTS_MAX;
pub use event::{AccountEvent, AgentCreated, AgentUpdated};
pub use project::{
    PROJECTS_MAX, Project, ProjectChanges, ProjectCommand, ProjectCreated, ProjectDeleted,
    ProjectDocument, ProjectUpdated,
};
pub use render::{AgentDirectoryDocument, AgentDocument, AgentRef, KeyExposure};
pub use state::{Account, Agent, KeyHash, Role};

/// The stream kind of accounts.
pub const KIND: &str = "account";

/// The aggregate: an account with its agents.
pub struct Accounts;

impl esrs::Aggregate for Accounts {
    const NAME: &'static str = KIND;
    type State = Account;
    type Command = crate::Order<AccountCommand>;
    type Event = AccountEvent;
    type Error = AccountRefusal;

    fn handle_command(
        account: &Account,
        order: Self::Command,
    ) -> Result<Vec<AccountEvent>, AccountRefusal> {
        decide::decide(account, order)
    }

    fn apply_event(account: Account, event: AccountEvent) -> Account {
        evolve::evolve(account, event)
    }
}

/// Folds one recorded event into the account.
#[must_use]
pub fn fold(mut account: Account, envelope: &crate::Envelope, event: AccountEvent) -> Account {
    account.touched_at = Some(envelope.at);
    <Accounts as esrs::Aggregate>::apply_event(account, event)
}
