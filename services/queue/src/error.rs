//! Why a claim has no answer.

use baton_commands::CommandError;
use baton_log::ReadError;
use baton_projections::{Behind, QueryError};

/// Why a claim of the next task has no answer. Nothing was claimed, except possibly where a
/// command's outcome is unknown.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The command was not carried out.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Nothing is known to wait, but the read model does not show everything yet.
    #[error(transparent)]
    Behind(#[from] Behind),
    /// The read model cannot be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The log does not say where it ends.
    #[error("cannot find the end of the log")]
    Head(#[from] ReadError),
    /// One candidate after the other went to others.
    #[error("too many others are claiming the same tasks; try again")]
    Contended,
}
