//! Commands about webhooks.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use baton_domain::{
    AccountId, WebhookId,
    id::SecretId,
    webhook::{Webhook, WebhookCommand, WebhookFields, WebhookRefusal, Webhooks},
};
use baton_history::{Versioned, webhook_stream};
use esrs::Aggregate as _;
use uuid::Uuid;

use crate::{
    attempt::Attempt,
    error::CommandError,
    execute::{Answer, Commands, Context},
    keys::{KeyText, random_bytes},
    plan::{Change, Command, Plan},
    secrets,
};

/// What the secret of a webhook is to be.
#[derive(Debug, Clone)]
pub enum WebhookSecret {
    /// What the client gave; never shown again.
    Given(KeyText),
    /// Made here, shown once.
    Generated,
}

/// Register a webhook.
#[derive(Debug, Clone)]
pub struct RegisterWebhook {
    /// Its fields, all set but the secret.
    pub fields: WebhookFields,
    /// Its secret.
    pub secret: WebhookSecret,
    /// Above which position of the log its events begin; later ones only where there is none.
    pub from_position: Option<i64>,
}

/// Do something to one webhook.
#[derive(Debug, Clone)]
pub struct ChangeWebhook {
    /// Its id as the client gave it.
    pub id: String,
    /// What.
    pub command: WebhookCommand,
}

#[derive(Clone)]
struct Register {
    id: WebhookId,
    fields: WebhookFields,
    from_position: Option<i64>,
    shown: Option<KeyText>,
}

impl Commands {
    /// Registers a webhook; the answer's secret is the one made here, if it was.
    ///
    /// # Errors
    /// [`CommandError`]: not an admin, a position that the log has not reached, or the secret
    /// cannot be kept.
    pub async fn register_webhook(
        &self,
        context: &Context,
        command: RegisterWebhook,
    ) -> Result<Answer<Webhook>, CommandError> {
        let RegisterWebhook { mut fields, secret, from_position } = command;
        // The head only grows: what is too high now was so whenever the command was first sent.
        if from_position.is_some() && from_position > Some(self.log().head().await?) {
            return Err(WebhookRefusal::PositionAhead.into());
        }
        let (secret, shown) = match secret {
            WebhookSecret::Given(secret) => (secret, None),
            WebhookSecret::Generated => {
                let secret = KeyText(format!("whsec_{}", STANDARD.encode(random_bytes::<32>())));
                (secret.clone(), Some(secret))
            }
        };
        fields.secret_id = Some(self.keep_secret(&context.caller.account, &secret).await?);
        let id = WebhookId(Uuid::now_v7());
        self.execute(context, Register { id, fields, from_position, shown }).await
    }

    /// Changes a webhook, with a new secret if one is given.
    ///
    /// # Errors
    /// [`CommandError`]: not an admin, no such webhook, or the secret cannot be kept.
    pub async fn change_webhook(
        &self,
        context: &Context,
        mut command: ChangeWebhook,
        secret: Option<KeyText>,
    ) -> Result<Answer<Webhook>, CommandError> {
        if let (WebhookCommand::Update { fields, .. }, Some(secret)) =
            (&mut command.command, secret)
        {
            fields.secret_id = Some(self.keep_secret(&context.caller.account, &secret).await?);
        }
        self.execute(context, command).await
    }

    /// A webhook's secret, to sign with.
    ///
    /// # Errors
    /// [`CommandError`]: no such secret, or it was sealed with another master key.
    pub async fn webhook_secret(
        &self,
        account: &AccountId,
        id: SecretId,
    ) -> Result<KeyText, CommandError> {
        let sealed = secrets::find(self.pool(), account, id).await?;
        let opened = self.master_key().open(&purpose(account, id), &sealed)?;
        Ok(KeyText(String::from_utf8_lossy(&opened).into_owned()))
    }

    /// Seals and keeps a secret before the event that names it: a crash in between leaves a row
    /// that nothing names.
    async fn keep_secret(
        &self,
        account: &AccountId,
        secret: &KeyText,
    ) -> Result<SecretId, CommandError> {
        let id = SecretId(Uuid::now_v7());
        let sealed = self.master_key().seal(&purpose(account, id), secret.0.as_bytes())?;
        secrets::keep(self.pool(), account, id, &sealed).await?;
        Ok(id)
    }
}

fn purpose(account: &AccountId, id: SecretId) -> String {
    format!("webhook secret {account}/{id}")
}

impl Command for Register {
    type State = Webhook;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Webhook>, CommandError> {
        let before = Versioned::default();
        let Self { id, fields, from_position, shown } = self;
        let command = WebhookCommand::Create { id, fields, from_position };
        let events = Webhooks::handle_command(&before.state, attempt.order(command))?;
        let stream = webhook_stream(attempt.account_id(), id);
        Ok(Plan { secret: shown, ..Plan::new(Change { stream, before, events }) })
    }
}

impl Command for ChangeWebhook {
    type State = Webhook;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Webhook>, CommandError> {
        attempt.webhook_managers_only()?;
        let (stream, before) = attempt.webhook(&self.id).await?;
        let events = Webhooks::handle_command(&before.state, attempt.order(self.command))?;
        Ok(Plan::new(Change { stream, before, events }))
    }
}
