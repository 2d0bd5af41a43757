//! What can go wrong with the log, by what the caller may do next. Causes are linked, not printed.

use std::sync::Arc;

use crate::event::StreamId;

/// Why a command was not (known to be) appended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// A written or guarded stream, or the account's head, moved: load again and decide again.
    #[error("a stream moved past the version the command was decided on")]
    Conflict,
    /// The idempotency key belongs to another request.
    #[error("the idempotency key was used with another request")]
    KeyReused,
    /// Too many commands wait: nothing was appended, try later.
    #[error("the append queue is full")]
    Overloaded,
    /// The database cannot be reached or does not accept writes: nothing was appended.
    #[error("the log is unavailable")]
    Unavailable {
        /// The last attempt's trouble.
        #[source]
        source: Arc<Trouble>,
    },
    /// The command may or may not be appended. Only its idempotency key makes a retry safe.
    #[error("it is unknown whether the command was appended")]
    OutcomeUnknown {
        /// The trouble that hid the outcome.
        #[source]
        source: Arc<Trouble>,
    },
    /// The command can never be appended as it is.
    #[error("the command cannot be appended")]
    Invalid {
        /// What is wrong with it.
        #[source]
        source: InvalidAppend,
    },
}

/// What is wrong with a command.
#[derive(Clone, Debug, thiserror::Error)]
pub enum InvalidAppend {
    /// A write without events.
    #[error("the write to {stream} has no events")]
    NoEvents {
        /// The written stream.
        stream: StreamId,
    },
    /// Two writes to one stream.
    #[error("{stream} is written twice")]
    StreamTwice {
        /// The written stream.
        stream: StreamId,
    },
    /// A stream of another account.
    #[error("{stream} belongs to another account")]
    ForeignStream {
        /// The named stream.
        stream: StreamId,
    },
    /// More events than one command may append.
    #[error("more than {max} events")]
    TooManyEvents {
        /// The limit.
        max: usize,
    },
    /// More streams than one command may name.
    #[error("more than {max} streams")]
    TooManyStreams {
        /// The limit.
        max: usize,
    },
    /// An event's payload is too large.
    #[error("a payload has more than {bytes_max} bytes")]
    PayloadTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// A key's sealed secret is too large.
    #[error("a sealed secret has more than {bytes_max} bytes")]
    SealedTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// An account, stream, type, actor, credential or key is too long.
    #[error("a name has more than {bytes_max} bytes")]
    NameTooLong {
        /// The limit.
        bytes_max: usize,
    },
    /// U+0000, as a character or as an escape in a payload.
    #[error("a text holds U+0000")]
    NulCharacter,
    /// A version or head below zero or beyond counting.
    #[error("a version is impossible")]
    ImpossibleVersion,
    /// The database refused the data: a payload that is not JSON, an event id used before.
    #[error("the database refused the command")]
    Refused {
        /// The database's refusal.
        #[source]
        source: Arc<tokio_postgres::Error>,
    },
}

/// Trouble between the log and its database.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// No connection, or none that could be prepared for appending.
    #[error("cannot connect to the database")]
    Connect(#[source] tokio_postgres::Error),
    /// A statement failed or its connection broke.
    #[error("cannot run a statement")]
    Statement(#[source] tokio_postgres::Error),
    /// The database did not answer in time.
    #[error("the database does not answer")]
    Silent,
    /// The backend that may hold the outcome is still there and does not end.
    #[error("the lost connection's backend does not end")]
    BackendLingers,
    /// The log was shut down.
    #[error("the log is shut down")]
    ShutDown,
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No connection from the pool.
    #[error("cannot get a connection to read the log")]
    Pool(#[source] deadpool_postgres::PoolError),
    /// The statement failed.
    #[error("cannot read the log")]
    Query(#[source] tokio_postgres::Error),
}

/// Why the log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The appender has no connection.
    #[error("cannot open the log")]
    Open(#[source] Trouble),
    /// The head cannot be read.
    #[error("cannot read the log's head")]
    Head(#[source] ReadError),
}
