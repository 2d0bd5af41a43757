//! Tells a database that is away from one that refuses a statement. Knows only error types.

use std::error::Error;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

/// SQLSTATE classes that say something about the server or the moment, not about the statement:
/// connections, rollbacks by conflict, resources, operator intervention, system errors.
const CLASSES: [&str; 5] = ["08", "40", "53", "57", "58"];

/// Whether anywhere down the causes the database could not be reached or was not ready.
pub(crate) fn is_outage(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| (*error).source()).any(|cause| {
        // A pool's error of the back end has the database's error as its cause.
        let no_connection = matches!(
            cause.downcast_ref::<PoolError>(),
            Some(PoolError::Timeout(_) | PoolError::Closed)
        );
        no_connection || cause.downcast_ref::<tokio_postgres::Error>().is_some_and(is_away)
    })
}

fn is_away(error: &tokio_postgres::Error) -> bool {
    let Some(code) = error.code() else {
        // Not the server's own words: a broken connection. But a value that does not convert
        // is about the statement.
        let caused_by_io = Error::source(error)
            .is_some_and(|cause| cause.downcast_ref::<std::io::Error>().is_some());
        return error.is_closed() || caused_by_io;
    };
    // A statement that ran into its own time limit says nothing about the server.
    *code != SqlState::QUERY_CANCELED && CLASSES.iter().any(|class| code.code().starts_with(class))
}
