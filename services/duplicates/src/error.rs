//! Why a check for duplicates has no answer.

use std::time::Duration;

use baton_history::FoldError;
use baton_log::ReadError;
use baton_projections::{Behind, QueryError};

/// Why a check for duplicates has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The open tasks are being read, or changes to them; that goes on.
    #[error("the open tasks of the account are not all read after {waited:?}")]
    NotReady {
        /// How long was waited.
        waited: Duration,
    },
    /// The open tasks take more memory than all such indexes together may.
    #[error(
        "the open tasks of the account are too many to be compared in {bytes_max} bytes of memory \
         (BATON_DUPLICATES_MEMORY_MB)"
    )]
    TooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// The read model of tasks does not show everything yet.
    #[error(transparent)]
    Behind(#[from] Behind),
    /// The read model cannot be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The log cannot be read.
    #[error("cannot follow the log")]
    Read(#[from] ReadError),
    /// What happened to a task cannot be read.
    #[error("cannot follow a task")]
    Fold(#[from] FoldError),
    /// The comparison itself broke off.
    #[error("the comparison broke off")]
    Broken,
}
