//! A log, its followers, and a memory of everything that was recorded: what the models are
//! held against.

use std::collections::BTreeMap;
use std::time::Duration;

use baton_domain::{
    AccountId, Actor, AgentId, Envelope, Order, Standing, TaskId, Timestamp, WebhookId,
    account::Role,
    recurrence::{Recurrence, RecurrenceCommand, RecurrenceEvent, Recurrences},
    stored::Event,
    task::{
        Changes, Dependencies, Draft, Parent, Task, TaskCommand, TaskEvent, TaskRefusal, Tasks,
        fold,
    },
    webhook::{Webhook, WebhookCommand, WebhookEvent, Webhooks},
};
use baton_feed::Running;
use baton_harness::postgres::{Database, database};
use baton_history::History;
use baton_log::{Append, Appended, Log, LogSettings, NewEvent, Receipt, StreamId, StreamWrite};
use baton_projections::{Model, Reads, install, spawn};
use deadpool_postgres::{Manager, Pool};
use esrs::Aggregate;
use tokio_postgres::NoTls;
use uuid::Uuid;

/// How long a follower may take to catch up on a machine that is busy with other tests.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A database with a log and models.
pub(crate) struct World {
    pub(crate) log: Log,
    pub(crate) pool: Pool,
    pub(crate) reads: Reads,
    running: Vec<Running>,
    pub(crate) database: Database,
}

impl World {
    pub(crate) async fn new() -> Self {
        let world = Self::idle().await;
        world.followed()
    }

    /// Without followers; the models are there.
    pub(crate) async fn idle() -> Self {
        let database = database().await;
        let mut client = database.connect().await;
        Log::migrate(&mut client).await.unwrap();
        baton_feed::migrate(&mut client).await.unwrap();
        let pool = Pool::builder(Manager::new(database.config(), NoTls)).max_size(8).build();
        let pool = pool.unwrap();
        let settings = LogSettings::default();
        let log = Log::open(database.config(), pool.clone(), settings).await.unwrap();
        install(&log, &pool).await.unwrap();
        let running = Model::ALL.map(|model| baton_projections::observe(pool.clone(), model));
        let reads = Reads::new(pool.clone(), running.each_ref().map(Running::progress));
        Self { log, pool, reads, running: running.into(), database }
    }

    pub(crate) fn followed(mut self) -> Self {
        let history = History::new(self.log.clone());
        let running = Model::ALL.map(|model| spawn(history.clone(), self.pool.clone(), model));
        self.reads = Reads::new(self.pool.clone(), running.each_ref().map(Running::progress));
        self.running = running.into();
        self
    }

    /// Waits until all models have everything.
    pub(crate) async fn settle(&self) {
        for model in Model::ALL {
            self.reads.wait(model, self.log.acknowledged(), LIMIT).await.unwrap();
        }
    }

    pub(crate) async fn stop(self) {
        for running in self.running {
            running.shutdown().await;
        }
        self.log.shutdown().await;
    }

    pub(crate) async fn append(&self, append: Append) -> Receipt {
        match self.log.append(append).await.unwrap() {
            Appended::Committed(receipt) => receipt,
            Appended::Replayed(_) => panic!("no key was sent"),
        }
    }
}

pub(crate) fn agent(n: u128) -> AgentId {
    AgentId(Uuid::from_u128(0x4000_8000 << 64 | n))
}

pub(crate) fn standing(n: u128, role: Role, routes: &[&str]) -> Standing {
    Standing {
        actor: Actor::Agent(agent(n)),
        role: Some(role),
        permissions: vec![],
        routes: routes.iter().map(|route| (*route).to_owned()).collect(),
    }
}

pub(crate) fn worker(n: u128) -> Standing {
    standing(n, Role::Worker, &[&format!("worker-{n}")])
}

pub(crate) fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}

/// One account with everything that was recorded in it, folded in memory.
pub(crate) struct Tenant {
    pub(crate) id: AccountId,
    pub(crate) tasks: BTreeMap<TaskId, (Task, i64)>,
    /// Ids in the order of creation.
    pub(crate) order: Vec<TaskId>,
}

impl Tenant {
    pub(crate) fn new() -> Self {
        let id = format!("t-{}", Uuid::new_v4().simple()).parse().unwrap();
        Self { id, tasks: BTreeMap::new(), order: Vec::new() }
    }

    pub(crate) fn task(&self, id: TaskId) -> &Task {
        &self.tasks[&id].0
    }

    /// Decides and records.
    pub(crate) async fn tell(
        &mut self,
        world: &World,
        by: &Standing,
        id: TaskId,
        command: TaskCommand,
    ) -> Result<(), TaskRefusal> {
        let (task, _) = self.tasks.get(&id).cloned().unwrap_or_default();
        let events = Tasks::handle_command(&task, Order { by: by.clone(), at: now(), command })?;
        self.record(world, &by.actor, id, events).await;
        Ok(())
    }

    pub(crate) async fn record(
        &mut self,
        world: &World,
        actor: &Actor,
        id: TaskId,
        events: Vec<TaskEvent>,
    ) {
        if events.is_empty() {
            return;
        }
        let (mut task, version) = self.tasks.get(&id).cloned().unwrap_or_default();
        let stream = self.stream(baton_domain::task::KIND, &id.to_string());
        let append = self.append(actor, stream, version, &events);
        let receipt = world.append(append).await;
        let envelope = Envelope { at: receipt.recorded_at.into(), actor: actor.clone() };
        let next = version + i64::try_from(events.len()).unwrap();
        for event in events {
            task = fold(task, &envelope, event);
        }
        if self.tasks.insert(id, (task, next)).is_none() {
            self.order.push(id);
        }
    }

    pub(crate) async fn create(
        &mut self,
        world: &World,
        by: &Standing,
        changes: Changes,
        parent: Option<TaskId>,
    ) -> TaskId {
        let id = TaskId(Uuid::now_v7());
        self.create_as(world, by, (id, changes), parent).await;
        id
    }

    pub(crate) async fn create_as(
        &mut self,
        world: &World,
        by: &Standing,
        (id, changes): (TaskId, Changes),
        parent: Option<TaskId>,
    ) {
        let content = changes.content.clone().or_else(|| Some("content".to_owned()));
        let parent = parent.map(|parent| self.task(parent)).map(|parent| Parent {
            parent_id: parent.id,
            root_id: parent.root,
            depth: parent.delegation_depth + 1,
            accountable: parent.accountable,
        });
        let (changes, dependencies) = (Changes { content, ..changes }, Dependencies::default());
        let draft = Draft { id, changes, parent, dependencies, origin: None };
        self.tell(world, by, id, TaskCommand::Create(Box::new(draft))).await.unwrap();
    }

    pub(crate) fn stream(&self, kind: &str, id: &str) -> StreamId {
        StreamId { account: self.id.to_string(), kind: kind.to_owned(), id: id.to_owned() }
    }

    pub(crate) fn append<E: Event>(
        &self,
        actor: &Actor,
        stream: StreamId,
        expected_version: i64,
        events: &[E],
    ) -> Append {
        let events = events.iter().map(|event| {
            let stored = event.encode();
            NewEvent {
                event_id: Uuid::now_v7(),
                event_type: stored.event_type,
                schema_version: stored.schema_version,
                payload: stored.payload,
                causation_id: None,
            }
        });
        Append {
            account: self.id.to_string(),
            actor: actor.to_string(),
            correlation_id: Uuid::new_v4(),
            causation_id: None,
            writes: vec![StreamWrite { stream, expected_version, events: events.collect() }],
            guards: vec![],
            head: None,
            key: None,
        }
    }

    /// Creates or changes a recurrence; one that is new has the id.
    pub(crate) async fn tell_recurrence(
        &self,
        world: &World,
        (before, version): (Recurrence, i64),
        by: &Standing,
        command: RecurrenceCommand,
    ) -> (Recurrence, i64) {
        let id = match &command {
            RecurrenceCommand::Create { id, .. } => *id,
            _ => before.id,
        };
        let order = Order { by: by.clone(), at: now(), command };
        let events: Vec<RecurrenceEvent> = Recurrences::handle_command(&before, order).unwrap();
        let stream = self.stream(baton_domain::recurrence::KIND, &id.to_string());
        let receipt = world.append(self.append(&by.actor, stream, version, &events)).await;
        let envelope = Envelope { at: receipt.recorded_at.into(), actor: by.actor.clone() };
        let next = version + i64::try_from(events.len()).unwrap();
        let fold = |state, event| baton_domain::recurrence::fold(state, &envelope, event);
        (events.into_iter().fold(before, fold), next)
    }

    /// Registers or changes a webhook.
    pub(crate) async fn tell_webhook(
        &self,
        world: &World,
        (before, version): (Webhook, i64),
        id: WebhookId,
        command: WebhookCommand,
    ) -> (Webhook, i64) {
        let by = Standing::project();
        let order = Order { by: by.clone(), at: now(), command };
        let events: Vec<WebhookEvent> = Webhooks::handle_command(&before, order).unwrap();
        let stream = self.stream(baton_domain::webhook::KIND, &id.to_string());
        let receipt = world.append(self.append(&by.actor, stream, version, &events)).await;
        let envelope = Envelope { at: receipt.recorded_at.into(), actor: by.actor };
        let next = version + i64::try_from(events.len()).unwrap();
        let fold = |webhook, event| baton_domain::webhook::fold(webhook, &envelope, event);
        (events.into_iter().fold(before, fold), next)
    }
}
