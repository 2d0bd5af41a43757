//! A log, a ledger and a directory of checkpoints, of a node that others may stand beside.

use std::time::Duration;

use baton_feed::{Running, SubscriptionStatus};
use baton_harness::place::Place;
use baton_harness::postgres::{self, Database};
use baton_harness::{wait_for, wait_until};
use baton_ledger::{CheckpointDir, Ledger, LedgerKey, SUBSCRIPTION, Signed};
use baton_log::{
    Append, Appended, Log, LogSettings, NewEvent, PAGE_EVENTS_MAX, Position, RecordedEvent,
    StreamId, StreamWrite,
};
use deadpool_postgres::{Manager, Pool};
use tokio::time::Instant;
use tokio_postgres::{Client, NoTls};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long any fact may take to come true.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Node {
    pub(crate) database: Database,
    /// A superuser's.
    pub(crate) sql: Client,
    pub(crate) pool: Pool,
    pub(crate) log: Log,
    pub(crate) ledger: Ledger,
    pub(crate) directory: CheckpointDir,
    _place: Place,
}

/// A ledger that is being kept.
pub(crate) struct Keeper {
    pub(crate) running: Running,
    stop: CancellationToken,
}

impl Keeper {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.running.shutdown().await;
    }
}

pub(crate) fn key(byte: &str) -> LedgerKey {
    LedgerKey::parse(&byte.repeat(32)).unwrap()
}

impl Node {
    pub(crate) async fn new() -> Node {
        let database = postgres::database().await;
        let mut client = database.connect().await;
        Log::migrate(&mut client).await.unwrap();
        baton_feed::migrate(&mut client).await.unwrap();
        baton_ledger::migrate(&mut client).await.unwrap();
        let manager = Manager::new(database.config(), NoTls);
        let pool = Pool::builder(manager).max_size(8).build().unwrap();
        let settings = LogSettings::default();
        let log = Log::open(database.config(), pool.clone(), settings).await.unwrap();
        let ledger = Ledger::open(pool.clone(), key("07")).await.unwrap();
        let place = Place::new();
        let directory = CheckpointDir::new(place.path().join("checkpoints"));
        let sql = database.connect_as_superuser().await;
        Node { database, sql, pool, log, ledger, directory, _place: place }
    }

    /// Keeps the ledger, and its copies outside.
    pub(crate) fn keep(&self) -> Keeper {
        let (log, pool) = (self.log.clone(), self.pool.clone());
        let running = baton_ledger::spawn(log, pool, &self.ledger, self.directory.clone());
        let stop = CancellationToken::new();
        let (ledger, directory) = (self.ledger.clone(), self.directory.clone());
        let progress = running.progress();
        tokio::spawn(baton_ledger::anchor(ledger, directory, progress, stop.clone()));
        Keeper { running, stop }
    }

    /// Forgets what is in memory, as a restart does.
    pub(crate) async fn forget(&mut self) {
        let (config, pool) = (self.database.config(), self.pool.clone());
        self.log = Log::open(config, pool, LogSettings::default()).await.unwrap();
    }

    /// Appends so many events of an account; answers the last position.
    pub(crate) async fn append(&self, account: &str, events: usize) -> Position {
        let mut left = events;
        let mut position = 0;
        while left > 0 {
            let some = left.min(500);
            position = self.append_one(account, some).await;
            left -= some;
        }
        position
    }

    async fn append_one(&self, account: &str, events: usize) -> Position {
        let event = |number| NewEvent {
            event_id: Uuid::now_v7(),
            event_type: "thing.happened",
            schema_version: 1,
            payload: format!("{{\"number\": {number}}}"),
            causation_id: None,
        };
        let events = (0..events).map(event).collect();
        let id = Uuid::now_v7().to_string();
        let stream = StreamId { account: account.to_owned(), kind: "thing".to_owned(), id };
        let append = Append {
            account: account.to_owned(),
            actor: "project".to_owned(),
            correlation_id: Uuid::now_v7(),
            causation_id: None,
            writes: vec![StreamWrite { stream, expected_version: 0, events }],
            guards: vec![],
            head: None,
            key: None,
        };
        match self.log.append(append).await.unwrap() {
            Appended::Committed(receipt) => receipt.position,
            Appended::Replayed(replay) => panic!("nothing has a key: {replay:?}"),
        }
    }

    /// Waits until the ledger has all that is in the log.
    pub(crate) async fn level(&self, keeper: &Keeper) {
        let head = self.log.head().await.unwrap();
        let is_level = keeper.running.wait_until(head, Instant::now() + LIMIT).await;
        assert!(is_level, "the ledger stands still: {:?}", self.status().await);
    }

    /// Waits until the directory has the account's last checkpoint.
    pub(crate) async fn anchored(&self, account: &str) -> Signed {
        wait_for(LIMIT, "the last checkpoint is in the directory", async || {
            let signed = self.ledger.checkpoint(account).await.unwrap()?;
            signed.anchored.is_some_and(|anchored| anchored.size == signed.size).then_some(signed)
        })
        .await
    }

    pub(crate) async fn signed(&self, account: &str) -> Signed {
        self.ledger.checkpoint(account).await.unwrap().expect("it has a checkpoint")
    }

    /// Waits until the subscription stands still, and says why.
    pub(crate) async fn failure(&self) -> String {
        wait_for(LIMIT, "the ledger stands still", async || {
            self.status().await.and_then(|status| status.failure).map(|failure| failure.text)
        })
        .await
    }

    pub(crate) async fn goes_on(&self) {
        wait_until(LIMIT, "the ledger goes on", async || {
            self.status().await.is_some_and(|it| it.failure.is_none() && it.lag == 0)
        })
        .await;
    }

    pub(crate) async fn status(&self) -> Option<SubscriptionStatus> {
        let all = baton_feed::status(&self.pool).await.unwrap();
        all.into_iter().find(|status| status.name == SUBSCRIPTION)
    }

    /// The account's events as the log has them.
    pub(crate) async fn events(&self, account: &str) -> Vec<RecordedEvent> {
        let mut events: Vec<RecordedEvent> = Vec::new();
        loop {
            let after = events.last().map_or(0, |event| event.position);
            let page = self.log.after(after, PAGE_EVENTS_MAX).await.unwrap();
            if page.is_empty() {
                break;
            }
            events.extend(page);
        }
        events.retain(|event| event.stream.account == account);
        events
    }
}
