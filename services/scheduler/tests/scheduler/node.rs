//! A node without HTTP, with or without a scheduler, on a database that others may share.

use std::collections::BTreeMap;
use std::time::Duration;

use baton_commands::{
    Caller, ChangeRecurrence, ChangeTask, Commands, Context, CreateRecurrence, CreateTask,
    MasterKey, RecurrenceAction, TaskAction, Who, hash_of,
};
use baton_domain::recurrence::{Recurrence, RecurrenceFields};
use baton_domain::task::{Changes, RecurringType, Task};
use baton_domain::{AccountId, RecurrenceId, TaskId, Timestamp};
use baton_feed::{Handler as _, Running};
use baton_harness::postgres::Database;
use baton_harness::wait_until;
use baton_history::{Directory, History, recurrence_stream, task_stream};
use baton_log::{Cut, Log, LogSettings, Position, RecordedEvent, StreamId};
use baton_scheduler::Scheduler;
use deadpool_postgres::{Manager, Pool};
use tokio_postgres::NoTls;
use uuid::Uuid;

const READ_REMINDERS: &str = include_str!("sql/read_reminders.sql");
/// How long any fact may take to come true.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Node {
    pub(crate) commands: Commands,
    pub(crate) pool: Pool,
}

/// A migrated database.
pub(crate) async fn database() -> Database {
    let database = baton_harness::postgres::database().await;
    let mut client = database.connect().await;
    Log::migrate(&mut client).await.unwrap();
    baton_commands::migrate(&mut client).await.unwrap();
    baton_feed::migrate(&mut client).await.unwrap();
    baton_scheduler::migrate(&mut client).await.unwrap();
    database
}

impl Node {
    pub(crate) async fn on(database: &Database) -> Self {
        let manager = Manager::new(database.config(), NoTls);
        let pool = Pool::builder(manager).max_size(8).build().unwrap();
        let settings = LogSettings::default();
        let log = Log::open(database.config(), pool.clone(), settings).await.unwrap();
        let directory = Directory::open(log.clone()).await.unwrap();
        let key = MasterKey::parse(&"5a".repeat(32)).unwrap();
        let commands =
            Commands::new(History::new(log), pool.clone(), directory, key, hash_of("token"));
        Self { commands, pool }
    }

    /// The handler by itself, to be driven by hand.
    pub(crate) fn scheduler(&self) -> Scheduler {
        Scheduler::new(self.commands.clone(), self.pool.clone())
    }

    pub(crate) fn spawn(&self) -> Running {
        baton_scheduler::spawn(self.commands.clone(), self.pool.clone())
    }

    /// Lets a handler that is driven by hand follow the events after this position, and answers
    /// the last one's. What is due by these alone is not fired. There is no checkpoint.
    pub(crate) async fn follow(&self, scheduler: &mut Scheduler, after: Position) -> Position {
        let events = self.commands.log().after(after, 10_000).await.unwrap();
        scheduler.acquired(after).await.unwrap();
        scheduler.before(&events).await.unwrap();
        let mut client = self.pool.get().await.unwrap();
        let transaction = client.transaction().await.unwrap();
        scheduler.apply(&transaction, &events).await.unwrap();
        transaction.commit().await.unwrap();
        events.last().map_or(after, |last| last.position)
    }

    /// Fires what is due by the table, as one that has just taken over.
    pub(crate) async fn fire(&self) {
        let mut scheduler = self.scheduler();
        scheduler.acquired(0).await.unwrap();
        scheduler.idle(0).await.unwrap();
    }

    /// A daily recurrence that is due at this moment.
    pub(crate) async fn recurrence(&self, due_at: Timestamp) -> RecurrenceId {
        let fields = RecurrenceFields {
            content: Some("again".to_owned()),
            rule_type: Some(RecurringType::Daily),
            next_due_at: Some(due_at),
            ..RecurrenceFields::default()
        };
        let create = CreateRecurrence::new(fields);
        self.commands.create_recurrence(&project(), create).await.unwrap().state.id
    }

    pub(crate) async fn change(&self, id: RecurrenceId, fields: RecurrenceFields) {
        let (assigned_to, project_id) = (None, None);
        let fields = Box::new(fields);
        let action = RecurrenceAction::Update { fields, assigned_to, project_id };
        self.act(id, action).await;
    }

    pub(crate) async fn act(&self, id: RecurrenceId, action: RecurrenceAction) {
        let command = ChangeRecurrence { id: id.to_string(), action };
        self.commands.change_recurrence(&project(), command).await.unwrap();
    }

    /// A task that reminds at this moment.
    pub(crate) async fn task(&self, reminder_time: Option<Timestamp>) -> TaskId {
        let changes = Changes {
            content: Some("content".to_owned()),
            reminder_time: reminder_time.map(Some),
            ..Changes::default()
        };
        let create = CreateTask::new(changes);
        self.commands.create_task(&project(), create).await.unwrap().state.id
    }

    pub(crate) async fn tell(&self, task: TaskId, action: TaskAction) {
        let command = ChangeTask { id: task.to_string(), action };
        self.commands.change_task(&project(), command).await.unwrap();
    }

    /// The recurrence as the log has it.
    pub(crate) async fn state(&self, id: RecurrenceId) -> Recurrence {
        let history = History::new(self.commands.log().clone());
        let stream = recurrence_stream(&account(), id);
        Recurrence::clone(&*history.recurrences().fresh(&stream).await.unwrap().state)
    }

    /// The task as the log has it.
    pub(crate) async fn task_state(&self, task: TaskId) -> Task {
        let history = History::new(self.commands.log().clone());
        Task::clone(&*history.tasks().fresh(&task_stream(&account(), task)).await.unwrap().state)
    }

    /// The recurrence's events of this type.
    pub(crate) async fn events(&self, id: RecurrenceId, event_type: &str) -> Vec<RecordedEvent> {
        self.of_stream(&recurrence_stream(&account(), id), event_type).await
    }

    /// The task's events of this type.
    pub(crate) async fn task_events(&self, id: TaskId, event_type: &str) -> Vec<RecordedEvent> {
        self.of_stream(&task_stream(&account(), id), event_type).await
    }

    async fn of_stream(&self, stream: &StreamId, event_type: &str) -> Vec<RecordedEvent> {
        let mut events = self.commands.log().stream(stream, 0, Cut::Head).await.unwrap();
        events.retain(|event| event.event_type == event_type);
        events
    }

    /// Waits until the recurrence has given so many tasks.
    pub(crate) async fn wait_for_tasks(&self, id: RecurrenceId, tasks: usize) {
        wait_until(LIMIT, "the recurrence has given its tasks", async || {
            self.events(id, "recurrence.spawned").await.len() >= tasks
        })
        .await;
    }

    pub(crate) async fn wait_until_reminded(&self, task: TaskId) {
        wait_until(LIMIT, "the task has reminded", async || {
            self.task_state(task).await.reminder_sent
        })
        .await;
    }

    /// Waits until the scheduler has handled everything there is.
    pub(crate) async fn settle(&self, scheduler: &Running) {
        let deadline = tokio::time::Instant::now() + LIMIT;
        loop {
            let head = self.commands.log().head().await.unwrap();
            assert!(scheduler.wait_until(head, deadline).await, "the scheduler stands still");
            // Its own commands are events too.
            if self.commands.log().head().await.unwrap() == head {
                return;
            }
        }
    }
}

/// What the table says of reminders, by task: whether it waits for a moment.
pub(crate) async fn reminders(database: &Database) -> BTreeMap<TaskId, bool> {
    let client = database.connect().await;
    let rows = client.query(READ_REMINDERS, &[]).await.unwrap();
    rows.iter().map(|row| (TaskId(row.get("id")), row.get("waits"))).collect()
}

/// So many seconds from now, or before.
pub(crate) fn now_and(seconds: i64) -> Timestamp {
    let now = Timestamp::from(jiff::Timestamp::now());
    Timestamp::from_millis(now.as_millis() + seconds * 1_000).unwrap()
}

fn account() -> AccountId {
    AccountId::default_account()
}

pub(crate) fn project() -> Context {
    let caller = Caller { account: account(), who: Who::Project { token_hash: None } };
    Context { caller, correlation_id: Uuid::now_v7(), causation_id: None, key: None }
}
