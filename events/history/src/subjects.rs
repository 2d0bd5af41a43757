//! What an event is about, as of that event: for followers that tell the world (webhooks,
//! messages). Names are those of the same moment, so that a replay tells the same.

use std::{collections::HashMap, sync::Arc};

use baton_domain::{
    Actor, AgentId, ProjectId,
    account::{self, Account, KeyExposure},
    recurrence::{self, Recurrence},
    task::{self, Task, TaskDocument, View},
    webhook::{self, Webhook},
};
use baton_log::RecordedEvent;
use serde_json::{Value, json};

use crate::{
    directory::{KnownAccount, account_at},
    fold::{FoldError, fold},
    history::History,
    passed::Passed,
};

/// Folds the subjects of events for one follower that reads the whole log in order. It finds what
/// others in the process have folded, and they find what it folds.
pub struct Subjects {
    history: History,
    /// For one that is not level with the log: what it comes by is nobody else's.
    past: Option<Past>,
    accounts: HashMap<String, KnownAccount>,
}

struct Past {
    tasks: Passed<Task>,
    webhooks: Passed<Webhook>,
    recurrences: Passed<Recurrence>,
}

/// The subject of an event, with the account as of the same position.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The state after the event.
    pub state: SubjectState,
    /// The account as of the event.
    pub account: Arc<Account>,
    /// Who caused the event.
    pub actor: Actor,
}

/// The state that an event led to.
#[derive(Debug, Clone)]
pub enum SubjectState {
    /// Of a task.
    Task(Arc<Task>),
    /// Of a webhook.
    Webhook(Arc<Webhook>),
    /// Of a recurrence.
    Recurrence(Arc<Recurrence>),
    /// Of an account, or of one of its agents or projects; the account is in
    /// [`Subject::account`].
    Account,
    /// Of a kind that has no document.
    Other,
}

/// The actor of an event, as webhooks show it (protocol 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorDocument {
    /// Its id.
    pub id: AgentId,
    /// Its name.
    pub name: String,
    /// For people.
    pub display_name: Option<String>,
}

impl Subjects {
    /// For a follower that is level with the log, or soon will be.
    #[must_use]
    pub fn new(history: History) -> Self {
        Self { history, past: None, accounts: HashMap::new() }
    }

    /// For one that reads what lies behind.
    #[must_use]
    pub fn of_past(history: History) -> Self {
        let past = Past {
            tasks: Passed::new(history.tasks().clone()),
            webhooks: Passed::new(history.webhooks().clone()),
            recurrences: Passed::new(history.recurrences().clone()),
        };
        Self { history, past: Some(past), accounts: HashMap::new() }
    }

    /// Forgets the accounts. To be called when another process may have been at work since: what
    /// this one knows may lie far behind. What the process has folded stays: each state is kept
    /// with its version.
    pub fn reset(&mut self) {
        self.accounts.clear();
    }

    /// The event's subject. Cheap for a follower that asks for every event in log order; right in
    /// any order.
    ///
    /// # Errors
    /// [`FoldError`] where history cannot be read.
    pub async fn subject(&mut self, event: &RecordedEvent) -> Result<Subject, FoldError> {
        // First: whatever else cannot be read, the account is as of the event from here on.
        let account = self.account(event).await?;
        let (position, actor) = (event.position, event.actor.clone());
        let actor = actor.parse().map_err(|_| FoldError::Actor { position, actor })?;
        let state = match event.stream.kind.as_str() {
            task::KIND => SubjectState::Task(self.task(event).await?),
            webhook::KIND => SubjectState::Webhook(self.webhook(event).await?),
            recurrence::KIND => SubjectState::Recurrence(self.recurrence(event).await?),
            account::KIND => SubjectState::Account,
            _ => SubjectState::Other,
        };
        Ok(Subject { state, account, actor })
    }

    async fn task(&mut self, event: &RecordedEvent) -> Result<Arc<Task>, FoldError> {
        match &mut self.past {
            Some(past) => past.tasks.after(event).await,
            None => self.history.tasks().after(event).await,
        }
    }

    async fn webhook(&mut self, event: &RecordedEvent) -> Result<Arc<Webhook>, FoldError> {
        match &mut self.past {
            Some(past) => past.webhooks.after(event).await,
            None => self.history.webhooks().after(event).await,
        }
    }

    async fn recurrence(&mut self, event: &RecordedEvent) -> Result<Arc<Recurrence>, FoldError> {
        match &mut self.past {
            Some(past) => past.recurrences.after(event).await,
            None => self.history.recurrences().after(event).await,
        }
    }

    async fn account(&mut self, event: &RecordedEvent) -> Result<Arc<Account>, FoldError> {
        let (name, position) = (&event.stream.account, event.position);
        let is_about_it = event.stream.kind == account::KIND;
        // Taken out: an account whose event cannot be folded must not go on as it was before.
        let known = match self.accounts.remove(name) {
            Some(known) if !is_about_it && known.position <= position => known,
            Some(known) if is_about_it && known.version == event.version - 1 => KnownAccount {
                state: Arc::new(fold(Arc::unwrap_or_clone(known.state), event)?),
                version: event.version,
                position,
            },
            // Not known yet, or asked about a time before what is known.
            _ => {
                let id = name.parse().map_err(|_| FoldError::Account { name: name.clone() })?;
                account_at(self.history.log(), &id, position).await?
            }
        };
        let state = Arc::clone(&known.state);
        self.accounts.insert(name.clone(), known);
        Ok(state)
    }
}

impl Subject {
    /// Who acted; `None` for the project token and for Baton itself.
    #[must_use]
    pub fn actor_document(&self) -> Option<ActorDocument> {
        let agent = self.account.agents.get(&self.actor.agent()?)?;
        Some(ActorDocument {
            id: agent.id,
            name: agent.name.clone(),
            display_name: agent.display_name.clone(),
        })
    }

    /// The task, as messages show it.
    #[must_use]
    pub fn task_document(&self) -> Option<TaskDocument> {
        match &self.state {
            SubjectState::Task(task) => Some(task.document(&self.account, View::Message)),
            _ => None,
        }
    }

    /// The subject as JSON with the name of its kind, for example `("task", {..})`. For an event
    /// about an agent or a project it is the one that `payload` names; of a project that was
    /// deleted only its id is left.
    #[must_use]
    pub fn document(&self, event: &RecordedEvent) -> (&'static str, Value) {
        match &self.state {
            SubjectState::Task(_) => ("task", json!(self.task_document())),
            SubjectState::Webhook(webhook) => ("webhook", json!(webhook.document(0))),
            SubjectState::Recurrence(recurrence) => {
                ("recurrence", json!(recurrence.document(&self.account)))
            }
            SubjectState::Account => match About::of(event) {
                About { agent_id: Some(id), .. } if self.account.agents.contains_key(&id) => {
                    let agent = &self.account.agents[&id];
                    ("agent", json!(agent.document(0, None, KeyExposure::Hidden)))
                }
                About { project_id: Some(id), .. } => {
                    let project = self.account.projects.get(&id).map(account::Project::document);
                    ("project", project.map_or_else(|| json!({"id": id}), |it| json!(it)))
                }
                About { .. } => ("account", json!({"id": event.stream.account})),
            },
            SubjectState::Other => ("subject", Value::Null),
        }
    }
}

/// What an event of an account is about beside the account.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct About {
    agent_id: Option<AgentId>,
    project_id: Option<ProjectId>,
}

impl About {
    fn of(event: &RecordedEvent) -> Self {
        serde_json::from_str(&event.payload).unwrap_or_default()
    }
}
