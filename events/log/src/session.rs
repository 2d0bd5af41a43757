//! The appender's own connection: made with the settings that the protocol demands, and known by
//! its backend, so that an unknown outcome can be settled.

use std::error::Error;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio_postgres::error::Severity;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use crate::batch::Waiting;
use crate::error::Trouble;
use crate::log::LogSettings;
use crate::parameters::Parameters;

const SESSION: &str = include_str!("sql/session.sql");
const BACKEND: &str = include_str!("sql/backend.sql");
const APPEND: &str = include_str!("sql/append.sql");

/// A prepared connection. Dropping it closes the socket at once.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) backend: Backend,
    append: Statement,
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
        let answer_timeout = settings.answer_timeout;
        Ok(Self { client, backend, append, answer_timeout, _connection: connection })
    }

    /// Sends one batch. Rows come back only after the server has committed them: the client reads
    /// on to `ReadyForQuery`, which follows the commit.
    pub(crate) async fn append(&self, batch: &[Waiting]) -> Result<Vec<Row>, Failure> {
        let parameters = Parameters::of(batch);
        let parameters = parameters.as_sql();
        let answer = self.client.query(&self.append, &parameters);
        match tokio::time::timeout(self.answer_timeout, answer).await {
            Ok(Ok(rows)) => Ok(rows),
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
