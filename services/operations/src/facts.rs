//! What is known of a node at this moment, gathered for health and metrics alike.
//!
//! Must not wait long, whatever is away, nor ask the database more often the more it is asked:
//! the port is open to everybody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use baton_feed::{Progress, SubscriptionStatus};
use baton_history::Directory;
use baton_ledger::LedgerStanding;
use baton_log::{Log, Probe};
use baton_webhooks::Backlog;
use deadpool_postgres::Pool;
use tokio::sync::Mutex;

/// How long what was gathered is as good as new.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// How long the database may take to say how it is.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Says whether a server is connected at the moment.
pub type IsConnected = Arc<dyn Fn() -> bool + Send + Sync>;

/// What a node is made of, as far as operators look at it.
pub struct Node {
    /// What the process does.
    pub roles: Vec<&'static str>,
    /// It answers reads and writes of clients.
    pub serves_api: bool,
    /// The log.
    pub log: Log,
    /// Accounts and agents.
    pub directory: Directory,
    /// Connections for nothing but looking.
    pub pool: Pool,
    /// Every pool, by name.
    pub pools: Vec<(&'static str, Pool)>,
    /// Whether NATS is connected; none where it is not configured.
    pub nats: Option<IsConnected>,
    /// The subscriptions that this process takes part in.
    pub parts: Vec<Part>,
}

/// A subscription that this process takes part in, holding it or standing by.
pub struct Part {
    /// Its name.
    pub name: String,
    /// How far it is, and whether this process holds it.
    pub progress: Progress,
}

impl Node {
    /// This process holds the subscription.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part.name == name && part.progress.is_held())
    }

    /// This process takes part in the subscription.
    pub(crate) fn takes_part(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part.name == name)
    }
}

/// What the database said.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// The log, where it can be read.
    pub(crate) log: Option<Probe>,
    /// Every subscription there ever was.
    pub(crate) subscriptions: Vec<SubscriptionStatus>,
    /// What is due to webhooks.
    pub(crate) backlog: Option<Backlog>,
    /// What of the ledger is kept outside the database.
    pub(crate) ledger: Option<LedgerStanding>,
}

/// Asks the database, and remembers the answer for a moment.
pub(crate) struct Looker {
    pool: Pool,
    last: Mutex<Option<(Instant, Arc<Facts>)>>,
}

impl Looker {
    pub(crate) fn new(pool: Pool) -> Self {
        Self { pool, last: Mutex::new(None) }
    }

    /// What is known, at most a second old.
    pub(crate) async fn facts(&self) -> Arc<Facts> {
        // Held while asking: those who come meanwhile take the same answer.
        let mut last = self.last.lock().await;
        if let Some((at, facts)) = &*last
            && at.elapsed() < FRESH_FOR
        {
            return Arc::clone(facts);
        }
        let facts = Arc::new(self.look().await);
        *last = Some((Instant::now(), Arc::clone(&facts)));
        facts
    }

    async fn look(&self) -> Facts {
        let (log, subscriptions, backlog, ledger) = tokio::join!(
            self.ask("log", baton_log::probe(&self.pool)),
            self.ask("subscriptions", baton_feed::status(&self.pool)),
            self.ask("webhooks", baton_webhooks::backlog(&self.pool)),
            self.ask("ledger", baton_ledger::standing(&self.pool)),
        );
        Facts { log, subscriptions: subscriptions.unwrap_or_default(), backlog, ledger }
    }

    async fn ask<T, E: std::error::Error>(
        &self,
        what: &'static str,
        asked: impl Future<Output = Result<T, E>>,
    ) -> Option<T> {
        match tokio::time::timeout(ANSWER_WITHIN, asked).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                tracing::debug!(what, %error, "cannot look");
                None
            }
            Err(_elapsed) => {
                tracing::debug!(what, "no answer in time");
                None
            }
        }
    }
}
