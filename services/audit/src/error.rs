//! Why an export or a verification cannot be carried out. What a verification finds is no error.

use std::{io, path::PathBuf};

/// Something that stands in the way.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// No connection to the database.
    #[error("cannot connect to the database")]
    Pool(#[source] deadpool_postgres::PoolError),
    /// The database does not answer.
    #[error("cannot read the log")]
    Query(#[from] tokio_postgres::Error),
    /// An event cannot be exported.
    #[error("cannot export the event at position {position}: {cause}")]
    Event {
        /// Where it stands.
        position: i64,
        /// Why not.
        cause: String,
    },
    /// As many exports are being made as may be.
    #[error("too many exports at once")]
    Busy,
    /// Nothing of the account is signed.
    #[error("nothing of the account is signed yet: a process with the role ledger must run")]
    NotSigned,
    /// The ledger does not answer.
    #[error("cannot read the ledger")]
    Ledger(#[from] baton_ledger::LedgerError),
    /// The directory of checkpoints cannot be read.
    #[error("cannot read the checkpoints")]
    Checkpoints(#[from] baton_ledger::DirectoryError),
    /// A file cannot be read.
    #[error("cannot read {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
}

impl AuditError {
    /// Asking again may help.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Pool(_) | Self::Query(_) | Self::Busy => true,
            Self::Ledger(ledger) => ledger.is_passing(),
            Self::Event { .. } | Self::NotSigned | Self::Checkpoints(_) | Self::File { .. } => {
                false
            }
        }
    }
}
