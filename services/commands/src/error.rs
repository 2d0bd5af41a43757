//! Why a command was not carried out: a refusal is the caller's to mend, a failure is ours.

use baton_domain::{
    CompletionId, account::AccountRefusal, recurrence::RecurrenceRefusal, task::TaskRefusal,
    webhook::WebhookRefusal,
};
use baton_history::FoldError;
use baton_log::{AppendError, ReadError};

use crate::{seal::SealError, secrets::SecretsError};

/// A command that was not carried out. Nothing was recorded, except possibly with
/// [`AppendError::OutcomeUnknown`].
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The caller's credential is good no more.
    #[error("the credential is not valid")]
    Unauthenticated,
    /// An auditor tried to write.
    #[error("an auditor reads everything and writes nothing")]
    ReadOnly,
    /// The caller may read the task but not write it.
    #[error("you may read this task but not change it; claim it first: POST /tasks/:id/claim")]
    NotWritable,
    /// The caller may read one of several tasks but not write it.
    #[error("you may read task {id} but not change it; claim it first: POST /tasks/:id/claim")]
    OneNotWritable {
        /// Its id.
        id: String,
    },
    /// One of several tasks does not exist, or not for the caller.
    #[error("Task {id} not found")]
    OneNotFound {
        /// Its id as the client gave it.
        id: String,
    },
    /// Something named does not exist, or not for the caller.
    #[error("{what} not found")]
    NotFound {
        /// What was named, for example `Agent`.
        what: &'static str,
    },
    /// A task was to be given to an agent that cannot act.
    #[error("agent \"{name}\" is inactive and cannot be given tasks")]
    InactiveAgent {
        /// Its name.
        name: String,
    },
    /// Only admins put tasks into projects.
    #[error("only an admin may put a task into a project")]
    ProjectIsProtected,
    /// What the caller had finished is kept, but it had lost its claim.
    #[error("{refusal}; what you had finished is kept until somebody accepts it")]
    Late {
        /// Why it is refused.
        refusal: Box<CommandError>,
        /// Under which id it is kept.
        id: CompletionId,
        /// The claim that was lost.
        claim_generation: i64,
    },
    /// The account refused.
    #[error(transparent)]
    Account(#[from] AccountRefusal),
    /// The task refused.
    #[error(transparent)]
    Task(#[from] TaskRefusal),
    /// The webhook refused.
    #[error(transparent)]
    Webhook(#[from] WebhookRefusal),
    /// The recurrence refused.
    #[error(transparent)]
    Recurrence(#[from] RecurrenceRefusal),
    /// The idempotency key was used with another request.
    #[error("the Idempotency-Key was used with another request; use a new key")]
    KeyReused,
    /// The first request with the key is still running here.
    #[error("the first request with this Idempotency-Key is still running; try again")]
    KeyInUse,
    /// Others changed the same things again and again.
    #[error("too many others are changing the same thing; try again")]
    Contended,
    /// The account's own history cannot be read.
    #[error("the account is closed: its history cannot be read")]
    AccountClosed,
    /// The log did not take the command.
    #[error("cannot append")]
    Append(#[source] AppendError),
    /// History could not be read.
    #[error("cannot read what the command depends on")]
    History(#[from] FoldError),
    /// A sealed secret could not be sealed or opened.
    #[error("cannot seal or open a secret")]
    Seal(#[from] SealError),
    /// The place of sealed secrets did not answer.
    #[error("cannot keep or find a secret")]
    Secrets(#[from] SecretsError),
}

impl From<ReadError> for CommandError {
    fn from(cause: ReadError) -> Self {
        Self::History(FoldError::Read(cause))
    }
}

impl CommandError {
    /// The same command may go well a moment later: nothing is wrong with what it is about.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::History(history) => history.is_passing(),
            Self::Append(append) => !matches!(append, AppendError::Invalid { .. }),
            Self::Contended | Self::KeyInUse => true,
            _ => false,
        }
    }

    /// The refusal of what is kept all the same.
    pub(crate) fn late(refusal: Self, id: CompletionId, claim_generation: i64) -> Self {
        Self::Late { refusal: Box::new(refusal), id, claim_generation }
    }

    /// A refusal rests on what was looked at: it holds only if that is what the log has.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Unauthenticated
            | Self::ReadOnly
            | Self::NotWritable
            | Self::OneNotWritable { .. }
            | Self::OneNotFound { .. }
            | Self::NotFound { .. }
            | Self::InactiveAgent { .. }
            | Self::ProjectIsProtected
            | Self::Late { .. }
            | Self::Account(_)
            | Self::Task(_)
            | Self::Webhook(_)
            | Self::Recurrence(_) => true,
            Self::KeyReused
            | Self::KeyInUse
            | Self::Contended
            | Self::AccountClosed
            | Self::Append(_)
            | Self::History(_)
            | Self::Seal(_)
            | Self::Secrets(_) => false,
        }
    }
}
