//! Switching webhooks off: a command like any other, given by Baton itself (protocol 4.4).

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baton_commands::{Caller, ChangeWebhook, CommandError, Commands, Context};
use baton_domain::webhook::{DisableReason, WebhookCommand};
use baton_domain::{AccountId, WebhookId};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::endpoint::Endpoint;

/// The actor of the events.
const ACTOR: &str = "webhooks";
/// The first pause after a command that could not be carried out; each further one is twice as
/// long.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Gives the commands. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Disabler {
    commands: Commands,
    /// Webhooks being switched off: each has one command under way at most.
    under_way: Arc<Mutex<HashSet<WebhookId>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Disabler {
    pub(crate) fn new(commands: Commands, stop: CancellationToken) -> Self {
        Self { commands, under_way: Arc::default(), tasks: TaskTracker::new(), stop }
    }

    /// Switches a webhook off, however long the log is away. What follows from it comes back as
    /// an event.
    pub(crate) fn disable(&self, endpoint: &Endpoint, reason: DisableReason) {
        let (account, id) = (endpoint.account.clone(), endpoint.id);
        if !self.under_way.lock().expect("no holder panics").insert(id) {
            return;
        }
        let this = self.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = this.stop.cancelled() => {}
                () = this.insist(account, id, reason) => {}
            }
            this.under_way.lock().expect("no holder panics").remove(&id);
        });
    }

    async fn insist(&self, account: AccountId, id: WebhookId, reason: DisableReason) {
        let mut pause = PAUSE_MIN;
        loop {
            match self.give(account.clone(), id, reason).await {
                Ok(()) => {
                    tracing::warn!(webhook = %id, ?reason, "switched a webhook off");
                    return;
                }
                // Deleted meanwhile.
                Err(CommandError::NotFound { .. } | CommandError::Webhook(_)) => return,
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(webhook = %id, error, "cannot switch a webhook off");
                }
            }
            tokio::time::sleep(pause).await;
            pause = PAUSE_MAX.min(pause * 2);
        }
    }

    async fn give(
        &self,
        account: AccountId,
        id: WebhookId,
        reason: DisableReason,
    ) -> Result<(), CommandError> {
        let context = Context {
            caller: Caller::system(account, ACTOR),
            correlation_id: Uuid::now_v7(),
            causation_id: None,
            key: None,
        };
        let command =
            ChangeWebhook { id: id.to_string(), command: WebhookCommand::Disable { reason } };
        self.commands.change_webhook(&context, command, None).await.map(|_answer| ())
    }

    /// Waits for the commands under way; `stop` ends those that insist.
    pub(crate) async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
