//! A node without HTTP: a log of its own, a directory of its own, commands over both.

use baton_commands::{
    Answer, Caller, ChangeTask, CommandError, Commands, Context, CreateAgent, CreateTask,
    MasterKey, RequestKey, TaskAction, Who, hash_of,
};
use baton_domain::{
    AccountId,
    account::Account,
    task::{Changes, Task, TaskCommand},
};
use baton_harness::postgres::Database;
use baton_history::{Directory, History};
use baton_log::{Log, LogSettings};
use deadpool_postgres::{Manager, Pool};
use tokio_postgres::NoTls;
use uuid::Uuid;

/// The default account's token in these tests.
pub(crate) const TOKEN: &str = "project-token-of-the-tests";

pub(crate) struct Node {
    pub(crate) commands: Commands,
}

/// A migrated database.
pub(crate) async fn database() -> Database {
    let database = baton_harness::postgres::database().await;
    let mut client = database.connect().await;
    Log::migrate(&mut client).await.unwrap();
    baton_commands::migrate(&mut client).await.unwrap();
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
        Self { commands: Commands::new(History::new(log), pool, directory, key, hash_of(TOKEN)) }
    }

    pub(crate) async fn agent(&self, name: &str) -> (Caller, String) {
        let answer = self.create_agent(&project(), name).await.unwrap();
        let key = answer.secret.unwrap().0;
        (self.commands.authenticate(&key).await.unwrap(), key)
    }

    pub(crate) async fn create_agent(
        &self,
        context: &Context,
        name: &str,
    ) -> Result<Answer<Account>, CommandError> {
        self.commands.create_agent(context, CreateAgent::new(name.to_owned())).await
    }

    pub(crate) async fn create(&self, by: &Caller, content: &str) -> Answer<Task> {
        let command = CreateTask::new(content_of(content));
        self.commands.create_task(&context(by), command).await.unwrap()
    }

    pub(crate) async fn change(
        &self,
        by: &Caller,
        task: &str,
        action: TaskAction,
    ) -> Result<Answer<Task>, CommandError> {
        let command = ChangeTask { id: task.to_owned(), action };
        self.commands.change_task(&context(by), command).await
    }

    /// How many events the log has.
    pub(crate) async fn head(&self) -> i64 {
        self.commands.log().head().await.unwrap()
    }
}

pub(crate) fn content_of(content: &str) -> Changes {
    Changes { content: Some(content.to_owned()), ..Changes::default() }
}

pub(crate) fn context(by: &Caller) -> Context {
    Context { caller: by.clone(), correlation_id: Uuid::now_v7(), causation_id: None, key: None }
}

pub(crate) fn project() -> Context {
    context(&Caller {
        account: AccountId::default_account(),
        who: Who::Project { token_hash: None },
    })
}

/// The context of a request with an idempotency key; `body` stands for all of the request.
pub(crate) fn keyed(by: &Context, key: &str, body: u8) -> Context {
    let key = Some(RequestKey { key: key.to_owned(), request_hash: [body; 32] });
    Context { key, ..by.clone() }
}

/// Completes.
pub(crate) fn complete() -> TaskAction {
    TaskAction::Tell(TaskCommand::Complete(Box::default()))
}

/// Hands over.
pub(crate) fn hand_over(to: &str) -> TaskAction {
    TaskAction::HandOver { to: to.to_owned(), changes: Box::default() }
}
