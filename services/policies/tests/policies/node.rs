//! A node without HTTP, with or without policies, on a database that others may share.

use std::time::Duration;

use baton_commands::{
    Answer, Caller, ChangeTask, CommandError, Commands, Context, CreateTask, MasterKey, TaskAction,
    Who, hash_of,
};
use baton_domain::task::{Changes, Status, Task, TaskCommand, Update};
use baton_domain::{AccountId, TaskId};
use baton_feed::Running;
use baton_harness::postgres::Database;
use baton_harness::wait_until;
use baton_history::{Directory, History, task_stream};
use baton_log::{Cut, Log, LogSettings, RecordedEvent};
use baton_policies::Policies;
use deadpool_postgres::{Manager, Pool};
use tokio_postgres::NoTls;
use uuid::Uuid;

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
    baton_policies::migrate(&mut client).await.unwrap();
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
    pub(crate) fn policies(&self) -> Policies {
        Policies::new(self.commands.clone(), self.pool.clone())
    }

    pub(crate) fn spawn(&self) -> Running {
        baton_policies::spawn(self.commands.clone(), self.pool.clone())
    }

    /// A task that depends on these.
    pub(crate) async fn create(&self, on: &[TaskId]) -> Result<Answer<Task>, CommandError> {
        let changes = Changes { content: Some("content".to_owned()), ..Changes::default() };
        let depends_on = on.iter().map(ToString::to_string).collect();
        let command = CreateTask { depends_on, ..CreateTask::new(changes) };
        self.commands.create_task(&project(), command).await
    }

    /// The id of a task that depends on these.
    pub(crate) async fn task(&self, on: &[TaskId]) -> TaskId {
        self.create(on).await.unwrap().state.id
    }

    pub(crate) async fn act(
        &self,
        task: TaskId,
        action: TaskAction,
    ) -> Result<Answer<Task>, CommandError> {
        let command = ChangeTask { id: task.to_string(), action };
        self.commands.change_task(&project(), command).await
    }

    pub(crate) async fn complete(&self, task: TaskId) {
        self.act(task, TaskAction::Tell(TaskCommand::Complete(Box::default()))).await.unwrap();
    }

    /// Sets all that a task depends on.
    pub(crate) async fn depend(
        &self,
        task: TaskId,
        on: &[TaskId],
    ) -> Result<Answer<Task>, CommandError> {
        let action = TaskAction::Update {
            update: Box::<Update>::default(),
            assigned_to: None,
            depends_on: Some(on.iter().map(ToString::to_string).collect()),
            foreign: Default::default(),
        };
        self.act(task, action).await
    }

    /// The task as the log has it.
    pub(crate) async fn state(&self, task: TaskId) -> Task {
        let history = History::new(self.commands.log().clone());
        Task::clone(&*history.tasks().fresh(&task_stream(&account(), task)).await.unwrap().state)
    }

    /// The task's events of this type.
    pub(crate) async fn events(&self, task: TaskId, event_type: &str) -> Vec<RecordedEvent> {
        let stream = task_stream(&account(), task);
        let mut events = self.commands.log().stream(&stream, 0, Cut::Head).await.unwrap();
        events.retain(|event| event.event_type == event_type);
        events
    }

    pub(crate) async fn wait_for_status(&self, task: TaskId, status: Status) {
        wait_until(LIMIT, "the task has the status", async || {
            self.state(task).await.status == status
        })
        .await;
    }

    /// Waits until the policies have handled everything there is.
    pub(crate) async fn settle(&self, policies: &Running) {
        let deadline = tokio::time::Instant::now() + LIMIT;
        loop {
            let head = self.commands.log().head().await.unwrap();
            assert!(policies.wait_until(head, deadline).await, "the policies stand still");
            // Their own commands are events too.
            if self.commands.log().head().await.unwrap() == head {
                return;
            }
        }
    }
}

fn account() -> AccountId {
    AccountId::default_account()
}

pub(crate) fn project() -> Context {
    let caller = Caller { account: account(), who: Who::Project { token_hash: None } };
    Context { caller, correlation_id: Uuid::now_v7(), causation_id: None, key: None }
}
