//! The appender's own connection: made with the settings that the protocol demands, and known by
//! its backend, so that an unknown outcome can be settled.

use std::error::Error;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio_postgres::error::Severity;
use tokio_postgres::{Client, Config, NoTls, Statement};

use crate::batch::Waiting;
use crate::error::Trouble;
use crate::log::LogSettings;
use crate::outcome::{Outcome, outcomes};
use crate::parameters::Parameters;

const SESSION: &str = include_str!("sql/session.sql");
const BACKEND: &str = include_str!("sql/backend.sql");
const APPEND: &str = include_str!("sql/append_batch.sql");
const APPEND_WITH_KEYS: &str = include_str!("sql/append_batch_with_keys.sql");

/// A prepared connection. Dropping it closes the socket at once.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) backend: Backend,
    append: Statement,
    append_with_keys: Statement,
    answer_timeout: Duration,
    _connection: Driver,
}

/// One server process, told apart from any later one with the same pid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backend {
    pub(crate) pid: i32,
    pub(crate) started: Timestamp,
}

/// Why a batch brought no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server said no and rolled back: nothing happened.
    Refused(tokio_postgres::Error),
    /// The batch may have been committed.
    Unknown(Trouble),
}

impl Session {
    /// Connects within `connect_timeout`, sets the session up and prepares the append.
    pub(crate) async fn connect(config: &Config, settings: &LogSettings) -> Result<Self, Trouble> {
        let made = tokio::time::timeout(settings.connect_timeout, Self::make(config, settings));
        made.await.map_err(|_elapsed| Trouble::Silent)?.map_err(Trouble::Connect)
    }

    async fn make(config: &Config, settings: &LogSettings) -> Result<Self, tokio_postgres::Error> {
        let (client, connection) = config.connect(NoTls).await?;
        // Its errors reach the client's calls, too; this task only drives the socket.
        let connection = tokio::spawn(async move {
            if let Err(cause) = connection.await {
                tracing::warn!(error = &cause as &dyn Error, "the appender's connection ended");
            }
        });
        let connection = Driver(connection);
        let statement_timeout = milliseconds(settings.statement_timeout);
        let idle_timeout = milliseconds(settings.idle_in_transaction_timeout);
        client.query_one(SESSION, &[&statement_timeout, &idle_timeout]).await?;
        let row = client.query_one(BACKEND, &[]).await?;
        let backend = Backend { pid: row.try_get("pid")?, started: row.try_get("backend_start")? };
        let append = client.prepare(APPEND).await?;
        let append_with_keys = client.prepare(APPEND_WITH_KEYS).await?;
        let answer_timeout = settings.answer_timeout;
        let _connection = connection;
        Ok(Self { client, backend, append, append_with_keys, answer_timeout, _connection })
    }

    /// Sends one batch and tells what became of each command. The row comes back only after the
    /// server has committed: the client reads on to `ReadyForQuery`, which follows the commit.
    pub(crate) async fn append(&self, batch: &[Waiting]) -> Result<Vec<Outcome>, Failure> {
        let parameters = Parameters::of(batch);
        let mut arguments = parameters.as_sql().to_vec();
        let mut statement = &self.append;
        if parameters.has_heads_or_keys() {
            arguments.extend(parameters.heads_and_keys_as_sql());
            statement = &self.append_with_keys;
        }
        let answer = self.client.query_one(statement, &arguments);
        match tokio::time::timeout(self.answer_timeout, answer).await {
            // An answer that cannot be read leaves open what it said.
            Ok(Ok(row)) => outcomes(batch, &parameters, &row)
                .map_err(|cause| Failure::Unknown(Trouble::Statement(cause))),
            Ok(Err(cause)) if is_refusal(&cause) => Err(Failure::Refused(cause)),
            Ok(Err(cause)) => Err(Failure::Unknown(Trouble::Statement(cause))),
            Err(_elapsed) => Err(Failure::Unknown(Trouble::Silent)),
        }
    }
}

/// Only an ERROR is a clear no: the transaction was rolled back and the session lives on. FATAL
/// may follow a commit whose answer was never sent, and anything else did not come from the
/// transaction at all.
fn is_refusal(cause: &tokio_postgres::Error) -> bool {
    cause.as_db_error().and_then(|error| error.parsed_severity()) == Some(Severity::Error)
}

fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

/// The task that drives a socket; aborted when its session is dropped, half made or whole.
#[derive(Debug)]
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}
