//! A database per test with nodes on it: log, commands and webhooks in process.

use std::time::Duration;

use baton_commands::{
    Answer, Caller, ChangeTask, ChangeWebhook, Commands, Context, CreateAgent, CreateTask, KeyText,
    MasterKey, RegisterWebhook, TaskAction, WebhookSecret, Who, hash_of,
};
use baton_domain::task::{Changes, Finish, Task, TaskCommand, Update};
use baton_domain::webhook::{
    ALL_EVENTS, Ordering, SignatureScheme, Webhook, WebhookCommand, WebhookFields,
};
use baton_domain::{AccountId, DeliveryId, WebhookId};
use baton_harness::postgres::{Database, database};
use baton_harness::receiver::{Received, Receiver};
use baton_harness::wait_for;
use baton_history::{Directory, History};
use baton_log::{Log, LogSettings};
use baton_webhooks::{Deliveries, DeliveryDocument, Schedule, Settings, Webhooks};
use deadpool_postgres::{Manager, Pool};
use tokio_postgres::NoTls;
use uuid::Uuid;

/// How long any fact may take to come true.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// A secret that is no base64 behind its prefix.
pub(crate) const SECRET: &str = "whsec_your_signing_secret";

/// A node on a database of its own.
pub(crate) struct Node {
    pub(crate) commands: Commands,
    pub(crate) pool: Pool,
    pub(crate) deliveries: Deliveries,
    pub(crate) account: AccountId,
    pub(crate) database: Database,
}

/// Settings under which nothing waits long and this machine may be reached.
pub(crate) fn settings() -> Settings {
    Settings { allow_private: true, schedule: pauses(&[]), ..Settings::default() }
}

/// Settings with retries after these pauses.
pub(crate) fn retrying(pauses_ms: &[u64]) -> Settings {
    Settings { schedule: pauses(pauses_ms), ..settings() }
}

fn pauses(pauses_ms: &[u64]) -> Schedule {
    let pauses = pauses_ms.iter().copied().map(Duration::from_millis).collect();
    Schedule { pauses, jitter: 0.0 }
}

impl Node {
    pub(crate) async fn new() -> Self {
        let database = database().await;
        let mut client = database.connect().await;
        Log::migrate(&mut client).await.unwrap();
        baton_feed::migrate(&mut client).await.unwrap();
        baton_commands::migrate(&mut client).await.unwrap();
        baton_webhooks::migrate(&mut client).await.unwrap();
        let manager = Manager::new(database.config(), NoTls);
        let pool = Pool::builder(manager).max_size(8).build().unwrap();
        let log = Log::open(database.config(), pool.clone(), LogSettings::default()).await.unwrap();
        let directory = Directory::open(log.clone()).await.unwrap();
        let master_key = MasterKey::parse(&MasterKey::random_text()).unwrap();
        let commands = Commands::new(
            History::new(log),
            pool.clone(),
            directory,
            master_key,
            hash_of("project token"),
        );
        let deliveries = Deliveries::new(pool.clone());
        let account = AccountId::default_account();
        Self { commands, pool, deliveries, account, database }
    }

    pub(crate) fn start(&self, settings: Settings) -> Webhooks {
        Webhooks::start(self.commands.clone(), self.pool.clone(), settings).unwrap()
    }

    /// The same database, with commands in another account.
    pub(crate) fn in_account(mut self, account: &str) -> Self {
        self.account = account.parse().unwrap();
        self
    }

    pub(crate) fn project(&self) -> Context {
        context(Caller { account: self.account.clone(), who: Who::Project { token_hash: None } })
    }

    /// A new agent's context.
    pub(crate) async fn agent(&self, name: &str) -> Context {
        let created = CreateAgent::new(name.to_owned());
        let answer = self.commands.create_agent(&self.project(), created).await.unwrap();
        let key = answer.secret.unwrap();
        context(self.commands.authenticate(&key.0).await.unwrap())
    }

    pub(crate) async fn register(&self, url: &str) -> WebhookId {
        self.register_with(url, WebhookFields::default()).await
    }

    /// Registers a webhook for all events, with some fields set otherwise.
    pub(crate) async fn register_with(&self, url: &str, fields: WebhookFields) -> WebhookId {
        self.register_from(url, fields, None).await
    }

    /// As [`Node::register_with`], its events beginning above a position.
    pub(crate) async fn register_from(
        &self,
        url: &str,
        fields: WebhookFields,
        from_position: Option<i64>,
    ) -> WebhookId {
        let fields = WebhookFields {
            url: Some(url.to_owned()),
            events: fields.events.or(Some(vec![ALL_EVENTS.to_owned()])),
            signature_scheme: fields.signature_scheme.or(Some(SignatureScheme::Body)),
            ordering: fields.ordering.or(Some(Ordering::PerTask)),
            active: fields.active.or(Some(true)),
            secret_id: None,
        };
        let secret = WebhookSecret::Given(KeyText(SECRET.to_owned()));
        let command = RegisterWebhook { fields, secret, from_position };
        self.commands.register_webhook(&self.project(), command).await.unwrap().state.id
    }

    pub(crate) async fn change(&self, webhook: WebhookId, fields: WebhookFields) {
        self.webhook_command(webhook, update(fields)).await;
    }

    /// Gives the webhook another secret.
    pub(crate) async fn rotate(&self, webhook: WebhookId, secret: &str, overlap_seconds: i64) {
        let (fields, secret_overlap_seconds) = (WebhookFields::default(), overlap_seconds);
        let command = WebhookCommand::Update { fields, secret_overlap_seconds };
        let command = ChangeWebhook { id: webhook.to_string(), command };
        let secret = Some(KeyText(secret.to_owned()));
        self.commands.change_webhook(&self.project(), command, secret).await.unwrap();
    }

    /// Asks for a delivery again.
    pub(crate) async fn redeliver(&self, webhook: WebhookId, delivery: Uuid) {
        let delivery_id = DeliveryId(delivery);
        self.webhook_command(webhook, WebhookCommand::Redeliver { delivery_id }).await;
    }

    pub(crate) async fn webhook_command(&self, webhook: WebhookId, command: WebhookCommand) {
        let command = ChangeWebhook { id: webhook.to_string(), command };
        self.commands.change_webhook(&self.project(), command, None).await.unwrap();
    }

    /// The webhook as the log has it.
    pub(crate) async fn webhook(&self, webhook: WebhookId) -> Webhook {
        let history = History::new(self.commands.log().clone());
        let stream = baton_history::webhook_stream(&self.account, webhook);
        Webhook::clone(&*history.webhooks().fresh(&stream).await.unwrap().state)
    }

    pub(crate) async fn create_task(&self, content: &str) -> String {
        self.create_as(&self.project(), content).await.state.id.to_string()
    }

    pub(crate) async fn create_as(&self, context: &Context, content: &str) -> Answer<Task> {
        let changes = Changes { content: Some(content.to_owned()), ..Changes::default() };
        self.commands.create_task(context, CreateTask::new(changes)).await.unwrap()
    }

    pub(crate) async fn act(&self, context: &Context, task: &str, action: TaskAction) {
        let command = ChangeTask { id: task.to_owned(), action };
        self.commands.change_task(context, command).await.unwrap();
    }

    /// Sets the task's description, which is one `task.updated`.
    pub(crate) async fn update(&self, task: &str, description: &str) {
        let changes =
            Changes { description: Some(Some(description.to_owned())), ..Changes::default() };
        let update = Box::new(Update { changes, ..Update::default() });
        let action = TaskAction::Update {
            update,
            assigned_to: None,
            depends_on: None,
            foreign: Default::default(),
        };
        self.act(&self.project(), task, action).await;
    }

    pub(crate) async fn complete(&self, context: &Context, task: &str) {
        let complete = TaskCommand::Complete(Box::<Finish>::default());
        self.act(context, task, TaskAction::Tell(complete)).await;
    }

    pub(crate) async fn deliveries(&self, webhook: WebhookId) -> Vec<DeliveryDocument> {
        self.deliveries.deliveries(&self.account, webhook, 100).await.unwrap()
    }

    /// Waits until the webhook's deliveries, newest first, satisfy `enough`.
    pub(crate) async fn wait_for_deliveries(
        &self,
        webhook: WebhookId,
        what: &str,
        enough: impl Fn(&[DeliveryDocument]) -> bool,
    ) -> Vec<DeliveryDocument> {
        wait_for(LIMIT, what, async || {
            Some(self.deliveries(webhook).await).filter(|deliveries| enough(deliveries))
        })
        .await
    }

    /// Waits until planning is level with the log.
    pub(crate) async fn planned(&self, webhooks: &Webhooks) {
        let head = self.commands.log().head().await.unwrap();
        let deadline = tokio::time::Instant::now() + LIMIT;
        assert!(webhooks.progress().wait_until(head, deadline).await, "planning stands still");
    }
}

fn context(caller: Caller) -> Context {
    Context { caller, correlation_id: Uuid::now_v7(), causation_id: None, key: None }
}

/// An update of a webhook.
pub(crate) fn update(fields: WebhookFields) -> WebhookCommand {
    WebhookCommand::Update { fields, secret_overlap_seconds: 0 }
}

/// Fields with nothing set but these events.
pub(crate) fn only(events: &[&str]) -> WebhookFields {
    let events = events.iter().map(|&event| event.to_owned()).collect();
    WebhookFields { events: Some(events), ..WebhookFields::default() }
}

/// Waits until this many requests arrived.
pub(crate) async fn received(receiver: &Receiver, count: usize) -> Vec<Received> {
    receiver.wait_for(LIMIT, |requests| requests.len() >= count).await
}

/// What tells the updates of a test apart: the task's description.
pub(crate) fn description(request: &Received) -> String {
    request.json()["task"]["description"].as_str().unwrap_or_default().to_owned()
}
