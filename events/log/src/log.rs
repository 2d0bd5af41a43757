//! The log's handle: what the rest of Baton holds. It validates, queues and wakes; the appender
//! does the writing.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::append::{Append, Appended, Prepared};
use crate::appender::{Appender, Told};
use crate::batch::Waiting;
use crate::count;
use crate::error::{AppendError, LogError, Trouble};
use crate::event::{Position, RecordedEvent};
use crate::migrations::{self, MigrateError};
use crate::probe::Queue;
use crate::recent::Recent;
use crate::session::Session;

/// Commands that may wait for the appender; the next one is told [`AppendError::Overloaded`].
const QUEUE_COMMANDS_MAX: usize = 4_096;

/// The times that bound an append.
#[derive(Clone, Copy, Debug)]
pub struct LogSettings {
    /// Server-side bound of the append statement, the wait for the lock included.
    pub statement_timeout: Duration,
    /// Server-side bound of a transaction that waits for its client.
    pub idle_in_transaction_timeout: Duration,
    /// How long a connection may take to be made and prepared.
    pub connect_timeout: Duration,
    /// How long an answer may take before the connection counts as lost.
    pub answer_timeout: Duration,
    /// How long commands wait for a database that cannot be reached.
    pub reconnect_within: Duration,
    /// How long an unknown outcome may take to settle.
    pub settle_within: Duration,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            statement_timeout: Duration::from_secs(5),
            idle_in_transaction_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(3),
            answer_timeout: Duration::from_secs(15),
            reconnect_within: Duration::from_secs(5),
            settle_within: Duration::from_secs(15),
        }
    }
}

/// The event log of one database, as one node sees it. Clones share everything.
#[derive(Clone, Debug)]
pub struct Log {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pool: Pool,
    queue: mpsc::Sender<Waiting>,
    committed: Arc<watch::Sender<Position>>,
    wake: Arc<watch::Sender<Position>>,
    recent: Arc<Recent>,
    appender: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Log {
    /// Connects the appender and starts it. The database must be migrated.
    pub async fn open(
        config: tokio_postgres::Config,
        pool: Pool,
        settings: LogSettings,
    ) -> Result<Self, LogError> {
        let session = Session::connect(&config, &settings).await.map_err(LogError::Open)?;
        let head = crate::read::head(&pool).await.map_err(LogError::Head)?;
        let committed = Arc::new(watch::Sender::new(head));
        let wake = Arc::new(watch::Sender::new(head));
        let (queue, waiting) = mpsc::channel(QUEUE_COMMANDS_MAX);
        let (stop, stopped) = oneshot::channel();
        let recent = Arc::new(Recent::default());
        let told = Told {
            committed: Arc::clone(&committed),
            wake: Arc::clone(&wake),
            recent: Arc::clone(&recent),
        };
        let appender = Appender::new(config, settings, session, told);
        let task = tokio::spawn(appender.run(waiting, stopped));
        let appender = Mutex::new(Some(Running { stop, task }));
        Ok(Self { shared: Arc::new(Shared { pool, queue, committed, wake, recent, appender }) })
    }

    /// Brings the log's tables and functions up to date. Any number of nodes may do so at once.
    pub async fn migrate(client: &mut tokio_postgres::Client) -> Result<(), MigrateError> {
        migrations::of_the_log(client).await
    }

    /// Appends one command and answers when it is durable, or says why not.
    pub async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let events = append.writes.iter().map(|write| write.events.len()).sum();
        let outcome = self.answer(append).await;
        count::answered(events, &outcome);
        outcome
    }

    async fn answer(&self, append: Append) -> Result<Appended, AppendError> {
        let command = Prepared::new(append)?;
        let (answer, answered) = oneshot::channel();
        self.shared.queue.try_send(Waiting { command, answer }).map_err(
            |refused| match refused {
                mpsc::error::TrySendError::Full(_) => AppendError::Overloaded,
                mpsc::error::TrySendError::Closed(_) => {
                    AppendError::Unavailable { source: Arc::new(Trouble::ShutDown) }
                }
            },
        )?;
        // The appender answers everything it took; only its own death leaves this open.
        answered.await.unwrap_or_else(|_| {
            Err(AppendError::OutcomeUnknown { source: Arc::new(Trouble::ShutDown) })
        })
    }

    /// The highest position that this node has answered with, its own commits first of all. It
    /// wakes; events come from reads.
    pub fn committed(&self) -> watch::Receiver<Position> {
        self.shared.committed.subscribe()
    }

    /// Wakes whoever waits on [`Log::wake`], for a position heard of from elsewhere. Also where
    /// that is no news: what was heard before may have been wrong.
    pub fn woken(&self, position: Position) {
        wake_up(&self.shared.wake, position);
    }

    /// The highest position committed here or heard of from elsewhere.
    pub fn wake(&self) -> watch::Receiver<Position> {
        self.shared.wake.subscribe()
    }

    /// No answer of this node speaks of anything above this position.
    pub fn acknowledged(&self) -> Position {
        *self.shared.committed.borrow()
    }

    /// How many commands wait for the appender.
    #[must_use]
    pub fn queue(&self) -> Queue {
        let queue = &self.shared.queue;
        let capacity = queue.max_capacity();
        Queue { waiting: capacity - queue.capacity(), capacity, is_open: !queue.is_closed() }
    }

    /// Takes no more commands, lets those that wait commit, and closes the connection.
    pub async fn shutdown(&self) {
        let running = self.shared.appender.lock().await.take();
        if let Some(Running { stop, task }) = running {
            // The appender may have ended on its own; then nobody listens.
            let _ended = stop.send(());
            if let Err(cause) = task.await {
                tracing::error!(error = &cause as &dyn Error, "the appender ended badly");
            }
        }
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.shared.pool
    }

    /// The events above a position that are in memory, where they are all that is known of.
    pub(crate) fn recent(&self, position: Position, limit: i64) -> Option<Vec<RecordedEvent>> {
        let heard = *self.shared.wake.borrow();
        self.shared.recent.after(position, limit, heard)
    }
}

/// Wakes whoever waits, also where the position is no news: one heard before may have been wrong.
pub(crate) fn wake_up(watched: &watch::Sender<Position>, position: Position) {
    watched.send_modify(|known| *known = position.max(*known));
}

/// Raises a watched position; it never falls.
pub(crate) fn raise(watched: &watch::Sender<Position>, position: Position) {
    watched.send_if_modified(|current| {
        let higher = position > *current;
        if higher {
            *current = position;
        }
        higher
    });
}
