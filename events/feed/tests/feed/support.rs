//! A database with the log and the checkpoints, a handler that writes rows and misbehaves on
//! demand, and events to follow. Must not: know what a test is about.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baton_feed::{HandleError, Handler, Subscription, SubscriptionStatus, Transaction};
use baton_harness::postgres::Database;
use baton_harness::wait_for;
use baton_log::{
    Append, Appended, Log, LogSettings, NewEvent, Position, RecordedEvent, StreamId, StreamWrite,
};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// More than anything here takes when it works.
pub(crate) const SOON: Duration = Duration::from_secs(20);
pub(crate) const CREATE_APPLIED: &str = include_str!("sql/create_applied.sql");
const INSERT_APPLIED: &str = include_str!("sql/insert_applied.sql");
const INSERT_TWICE: &str = include_str!("sql/insert_twice.sql");
const READ_APPLIED: &str = include_str!("sql/read_applied.sql");
pub(crate) const EXPIRE_LEASE: &str = include_str!("sql/expire_lease.sql");
pub(crate) const EXTEND_LEASE: &str = include_str!("sql/extend_lease.sql");
const READ_LEASE: &str = include_str!("sql/read_lease.sql");

pub(crate) fn soon() -> Instant {
    Instant::now() + SOON
}

/// One database and one node's way to it.
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) pool: Pool,
    pub(crate) log: Log,
    pub(crate) sql: Client,
}

pub(crate) async fn world() -> World {
    let database = baton_harness::postgres::database().await;
    let mut sql = database.connect().await;
    Log::migrate(&mut sql).await.unwrap();
    baton_feed::migrate(&mut sql).await.unwrap();
    sql.batch_execute(CREATE_APPLIED).await.unwrap();
    let pool = pool(&database);
    let log = Log::open(database.config(), pool.clone(), LogSettings::default()).await.unwrap();
    World { database, pool, log, sql }
}

pub(crate) fn pool(database: &Database) -> Pool {
    let recycling_method = RecyclingMethod::Fast;
    let manager =
        Manager::from_config(database.config(), NoTls, ManagerConfig { recycling_method });
    Pool::builder(manager).max_size(8).build().unwrap()
}

/// Who holds a subscription.
#[derive(Debug, PartialEq)]
pub(crate) struct Lease {
    pub(crate) epoch: i64,
    pub(crate) holder: Option<String>,
    pub(crate) left_ms: Option<i64>,
}

impl World {
    /// The log as another node has it: nothing appended through `self.log` wakes it.
    pub(crate) async fn another_node(&self) -> Log {
        let pool = pool(&self.database);
        Log::open(self.database.config(), pool, LogSettings::default()).await.unwrap()
    }

    /// A connection with prepared statements, as rebuilds have.
    pub(crate) async fn database_client(&self) -> deadpool_postgres::Object {
        self.pool.get().await.unwrap()
    }

    /// Appends events of a kind that means nothing; answers the last position.
    pub(crate) async fn append(&self, events: usize) -> Position {
        self.append_by(&self.log, events).await
    }

    /// Likewise through another node's log.
    pub(crate) async fn append_by(&self, log: &Log, events: usize) -> Position {
        let event = || NewEvent {
            event_id: Uuid::now_v7(),
            event_type: "thing.happened",
            schema_version: 1,
            payload: "{}".to_owned(),
            causation_id: None,
        };
        let events = (0..events).map(|_| event()).collect();
        let stream = stream("thing", &Uuid::now_v7().to_string());
        append(log, "project", StreamWrite { stream, expected_version: 0, events }).await
    }

    pub(crate) async fn applied(&self) -> Vec<(Position, String)> {
        let rows = self.sql.query(READ_APPLIED, &[]).await.unwrap();
        rows.iter().map(|row| (row.get("position"), row.get("by"))).collect()
    }

    pub(crate) async fn applied_positions(&self) -> Vec<Position> {
        self.applied().await.into_iter().map(|(position, _)| position).collect()
    }

    pub(crate) async fn expire_lease(&self, name: &str) {
        assert_eq!(self.sql.execute(EXPIRE_LEASE, &[&name]).await.unwrap(), 1);
    }

    pub(crate) async fn lease(&self, name: &str) -> Lease {
        let row = self.sql.query_one(READ_LEASE, &[&name]).await.unwrap();
        Lease { epoch: row.get("epoch"), holder: row.get("holder"), left_ms: row.get("left_ms") }
    }

    /// Awaits the subscription's first sign of life.
    pub(crate) async fn status(&self, name: &str) -> SubscriptionStatus {
        wait_for(SOON, "the subscription has a status", async || {
            let all = baton_feed::status(&self.pool).await.unwrap();
            all.into_iter().find(|status| status.name == name)
        })
        .await
    }
}

/// A stream of the account `default`.
pub(crate) fn stream(kind: &str, id: &str) -> StreamId {
    StreamId { account: "default".to_owned(), kind: kind.to_owned(), id: id.to_owned() }
}

/// Appends one write in somebody's name; answers the last position.
pub(crate) async fn append(log: &Log, actor: &str, write: StreamWrite) -> Position {
    let append = Append {
        account: write.stream.account.clone(),
        actor: actor.to_owned(),
        correlation_id: Uuid::now_v7(),
        causation_id: None,
        writes: vec![write],
        guards: vec![],
        head: None,
        key: None,
    };
    match log.append(append).await.unwrap() {
        Appended::Committed(receipt) => receipt.position,
        Appended::Replayed(replay) => panic!("nothing has a key: {replay:?}"),
    }
}

pub(crate) fn subscription(name: &'static str) -> Subscription {
    Subscription { name, batch_events_max: 10, durable_commit: false }
}

/// How an event makes the handler misbehave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    Refused,
    RefusedBefore,
    BadSql,
    BadAtCommit,
    Panic,
    Away,
    Superseded,
}

/// Where a gate stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stage {
    Before,
    /// After the rows are written, before the commit.
    Written,
}

/// Holds the handler up at one event until opened.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    stage: Stage,
    position: Position,
    reached: Arc<Notify>,
    open: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new(stage: Stage, position: Position) -> Self {
        let (reached, open) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
        Self { stage, position, reached, open }
    }

    pub(crate) async fn reached(&self) {
        tokio::time::timeout(SOON, self.reached.notified()).await.expect("the gate is reached");
    }

    pub(crate) fn open(&self) {
        self.open.add_permits(1);
    }

    async fn pass(&self, stage: Stage, events: &[RecordedEvent]) {
        if self.stage == stage && events.iter().any(|event| event.position == self.position) {
            self.reached.notify_one();
            let _permit = self.open.acquire().await.unwrap();
        }
    }
}

/// What a handler was called with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Call {
    Acquired(Position),
    Before(Vec<Position>),
    Apply(Vec<Position>),
}

/// Writes one row per event, without any key: what is applied twice is there twice.
#[derive(Clone, Default)]
pub(crate) struct Writer {
    pub(crate) by: &'static str,
    pub(crate) faults: Arc<Mutex<HashMap<Position, Fault>>>,
    pub(crate) calls: Arc<Mutex<Vec<Call>>>,
    pub(crate) gate: Option<Gate>,
    /// The positions whose events have an effect, where not all of them have.
    pub(crate) concerned: Option<fn(Position) -> bool>,
    pub(crate) gathers_for: Duration,
}

impl Writer {
    pub(crate) fn new(by: &'static str) -> Self {
        Self { by, ..Self::default() }
    }

    pub(crate) fn with_gate(self, gate: &Gate) -> Self {
        Self { gate: Some(gate.clone()), ..self }
    }

    pub(crate) fn concerned_by(self, concerned: fn(Position) -> bool) -> Self {
        Self { concerned: Some(concerned), ..self }
    }

    fn is_concerned_by(&self, event: &RecordedEvent) -> bool {
        self.concerned.is_none_or(|concerned| concerned(event.position))
    }

    pub(crate) fn with_fault(self, position: Position, fault: Fault) -> Self {
        self.faults.lock().unwrap().insert(position, fault);
        self
    }

    pub(crate) fn mend(&self) {
        self.faults.lock().unwrap().clear();
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    fn called(&self, call: Call) {
        self.calls.lock().unwrap().push(call);
    }

    fn fault(&self, position: Position) -> Option<Fault> {
        self.faults.lock().unwrap().get(&position).copied()
    }
}

fn positions(events: &[RecordedEvent]) -> Vec<Position> {
    events.iter().map(|event| event.position).collect()
}

impl Handler for Writer {
    async fn acquired(&mut self, position: Position) -> Result<(), HandleError> {
        self.called(Call::Acquired(position));
        Ok(())
    }

    async fn before(&mut self, events: &[RecordedEvent]) -> Result<(), HandleError> {
        self.called(Call::Before(positions(events)));
        if let Some(gate) = &self.gate {
            gate.pass(Stage::Before, events).await;
        }
        for event in events {
            match self.fault(event.position) {
                Some(Fault::RefusedBefore) => {
                    return Err(HandleError::event("cannot prepare", "no such thing"));
                }
                Some(Fault::Away) => {
                    return Err(HandleError::unavailable("cannot send", "nobody listens"));
                }
                Some(Fault::Superseded) => {
                    return Err(HandleError::superseded("may not write", "others do"));
                }
                _ => (),
            }
        }
        Ok(())
    }

    fn gathers_for(&self) -> Duration {
        self.gathers_for
    }

    fn has_effect(&self, events: &[RecordedEvent]) -> bool {
        events.iter().any(|event| self.is_concerned_by(event))
    }

    async fn apply(
        &mut self,
        transaction: &Transaction<'_>,
        events: &[RecordedEvent],
    ) -> Result<(), HandleError> {
        self.called(Call::Apply(positions(events)));
        for event in events.iter().filter(|event| self.is_concerned_by(event)) {
            transaction.execute(INSERT_APPLIED, &[&event.position, &self.by]).await?;
            match self.fault(event.position) {
                Some(Fault::Refused) => {
                    return Err(HandleError::event("cannot apply", "bad\0 thing"));
                }
                Some(Fault::BadSql) => {
                    transaction.batch_execute("select 1 / 0").await?;
                }
                Some(Fault::BadAtCommit) => {
                    transaction.execute(INSERT_TWICE, &[]).await?;
                }
                Some(Fault::Panic) => panic!("cannot even say why"),
                _ => (),
            }
        }
        if let Some(gate) = &self.gate {
            gate.pass(Stage::Written, events).await;
        }
        Ok(())
    }
}
