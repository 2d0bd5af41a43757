//! Why models cannot be read, built or waited for.

use std::time::Duration;

use baton_feed::{CheckpointError, HandleError, ReplayError};
use baton_log::{Position, ReadError};

use crate::model::Model;

/// A model has not reached the position that a reader was promised: it may try again later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{model} has reached position {reached}, not {wanted}, within {waited:?}")]
pub struct Behind {
    /// Which model.
    pub model: Model,
    /// The position that was to be reached.
    pub wanted: Position,
    /// The position reached.
    pub reached: Position,
    /// How long was waited.
    pub waited: Duration,
}

/// The live model is not of this process' version: what it would write does not fit the tables.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the live model {model} is of version {}, this process writes version {own}",
    .found.map_or_else(|| "none".to_owned(), |found| found.to_string())
)]
pub(crate) struct OtherVersion {
    /// Which model.
    pub(crate) model: Model,
    /// The version of the live tables; none where there are none.
    pub(crate) found: Option<i32>,
    /// The version that this process knows.
    pub(crate) own: i32,
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// No connection.
    #[error("cannot get a connection to read a model")]
    Pool(#[source] deadpool_postgres::PoolError),
    /// The statement failed.
    #[error("cannot read a model")]
    Query(#[from] tokio_postgres::Error),
    /// A row that this version of Baton cannot read.
    #[error("cannot read a row of a model")]
    Row(#[source] serde_json::Error),
    /// An answer of unbounded size has outgrown its bound.
    #[error("there are more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        max: i64,
    },
}

/// Why the models could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// No connection.
    #[error("cannot get a connection to make the read models ready")]
    Pool(#[source] deadpool_postgres::PoolError),
    /// The registry cannot be made or read.
    #[error("cannot make or read the registry of read models")]
    Registry(#[source] tokio_postgres::Error),
    /// A model cannot be built.
    #[error("cannot build the read model {model}")]
    Build {
        /// Which.
        model: Model,
        /// Why.
        #[source]
        cause: RebuildError,
    },
}

/// Why a rebuild stopped. The live model is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// No connection.
    #[error("cannot get a connection to rebuild a model")]
    Pool(#[source] deadpool_postgres::PoolError),
    /// A statement failed.
    #[error("cannot {action}")]
    Statement {
        /// What was to be done.
        action: &'static str,
        /// Why it was not.
        #[source]
        cause: tokio_postgres::Error,
    },
    /// The log cannot be read.
    #[error("cannot read the log to rebuild a model")]
    Read(#[from] ReadError),
    /// Events cannot be applied.
    #[error("cannot apply the events after position {after}")]
    Apply {
        /// They come after this one.
        after: Position,
        /// Why.
        #[source]
        cause: HandleError,
    },
    /// The last events cannot be applied.
    #[error("cannot catch up with the live model")]
    CatchUp(#[from] ReplayError),
    /// The live model's checkpoint cannot be read.
    #[error("cannot read the checkpoint of the live model")]
    Checkpoint(#[from] CheckpointError),
    /// What is derived from the documents cannot be filled in.
    #[error("cannot fill in what is derived from the documents")]
    Derive(#[source] HandleError),
    /// The live model's readers never let go.
    #[error("the live model was in use at each of {attempts} attempts to take its place")]
    InUse {
        /// How many.
        attempts: u32,
    },
    /// The log ends before the live model's checkpoint.
    #[error("the log ends at position {head}, before the live model's checkpoint at {checkpoint}")]
    LogTooShort {
        /// Where the log ends.
        head: Position,
        /// Where the model is.
        checkpoint: Position,
    },
}

impl RebuildError {
    pub(crate) fn statement(action: &'static str) -> impl Fn(tokio_postgres::Error) -> Self + Copy {
        move |cause| Self::Statement { action, cause }
    }
}
