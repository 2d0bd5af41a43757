//! What can go wrong around webhooks, apart from receivers: those have outcomes.

/// The sender could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The HTTP client cannot be made.
    #[error("cannot make the HTTP client of webhooks")]
    Http(#[source] reqwest::Error),
}

/// The tables of webhooks could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection.
    #[error("cannot get a connection to the deliveries")]
    Pool(#[source] deadpool_postgres::PoolError),
    /// A statement failed.
    #[error("cannot read or write deliveries")]
    Query(#[from] tokio_postgres::Error),
    /// A stored body is no JSON, which only a foreign hand can have made.
    #[error("a stored delivery is malformed")]
    Malformed(#[from] serde_json::Error),
    /// A webhook's history cannot be folded.
    #[error("cannot fold a webhook")]
    Fold(#[from] baton_history::FoldError),
    /// An account or an id is none.
    #[error("a stored endpoint has a malformed id")]
    Id(#[from] baton_domain::id::NotAnId),
}
