//! A webhook: where an account's events are sent (protocol 1.8). Its secret is never here, only
//! the id under which the sealed secret is kept.

use serde::{Deserialize, Serialize};

use crate::{
    AgentId, Envelope, Order, Right, Timestamp, WebhookId,
    id::{DeliveryId, SecretId},
};

/// The stream kind of webhooks.
pub const KIND: &str = "webhook";

/// Subscribes to every event.
pub const ALL_EVENTS: &str = "*";

/// Events that webhooks may name (protocol 4.1).
pub const EVENTS: [&str; 25] = [
    "task.created",
    "task.updated",
    "task.assigned",
    "task.delegated",
    "task.claimed",
    "task.released",
    "task.state_changed",
    "task.commented",
    "task.linked",
    "task.completed",
    "task.failed",
    "task.cancelled",
    "task.deleted",
    "task.blocked",
    "task.unblocked",
    "epic.created",
    "epic.updated",
    "epic.completed",
    "epic.failed",
    "epic.cancelled",
    "epic.deleted",
    "epic.budget_exceeded",
    "execution.completed",
    "execution.failed",
    "execution.cancelled",
];

/// How long a former secret may go on signing: a week.
pub const SECRET_OVERLAP_SECONDS_MAX: i64 = 604_800;

/// How long it does so where nobody says otherwise: a day.
pub const SECRET_OVERLAP_SECONDS: i64 = 86_400;

/// Former secrets that sign beside the present one at most; the one that ends first goes.
const FORMER_SECRETS_MAX: usize = 4;

/// Over what a delivery is signed (protocol 4.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureScheme {
    /// The raw body.
    #[default]
    Body,
    /// The attempt's time, a dot, the raw body.
    Timestamped,
}

/// In which order deliveries go out (protocol 4.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ordering {
    /// One task's in order, different tasks side by side.
    #[default]
    PerTask,
    /// One at a time, in log order.
    Strict,
}

/// Fields of a webhook; in an update what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookFields {
    /// Where to send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Which events; `*` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// Over what is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature_scheme: Option<SignatureScheme>,
    /// In which order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordering: Option<Ordering>,
    /// Whether it is in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Where its sealed secret is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_id: Option<SecretId>,
}

/// A secret that was replaced and signs a while longer, so that receivers can change over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerSecret {
    /// Where it is kept.
    pub secret_id: SecretId,
    /// From then on it signs no more.
    pub until: Timestamp,
}

/// Why Baton switched a webhook off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisableReason {
    /// Too many deliveries in a row failed for good.
    Failing,
    /// The receiver answered 410.
    Gone,
}

/// A fact about a webhook. Internal: webhooks do not hear of webhooks.
#[derive(Debug, Clone, PartialEq)]
pub enum WebhookEvent {
    /// It was registered, by the actor.
    Created {
        /// Its id.
        webhook_id: WebhookId,
        /// Its fields, all set.
        fields: WebhookFields,
        /// It gets the events above this position too; only later ones where there is none.
        from_position: Option<i64>,
    },
    /// Fields changed.
    Updated {
        /// The fields that changed; `active` also when it was set true again.
        fields: WebhookFields,
        /// With a new secret: those before it that go on signing.
        former_secrets: Vec<FormerSecret>,
    },
    /// Somebody asked for a delivery again.
    RedeliveryRequested {
        /// Which.
        delivery_id: DeliveryId,
    },
    /// Baton switched it off.
    Disabled {
        /// Why.
        reason: DisableReason,
    },
    /// It was deleted.
    Deleted,
}

/// Stored form of the events.
pub(crate) mod payload {
    use super::{DeliveryId, DisableReason, FormerSecret, WebhookFields, WebhookId};
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Created {
        pub(crate) webhook_id: WebhookId,
        pub(crate) fields: WebhookFields,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) from_position: Option<i64>,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Updated {
        pub(crate) fields: WebhookFields,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub(crate) former_secrets: Vec<FormerSecret>,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct RedeliveryRequested {
        pub(crate) delivery_id: DeliveryId,
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Disabled {
        pub(crate) reason: DisableReason,
    }
}

/// A webhook as its events left it. The default was never created.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// It was created.
    pub exists: bool,
    /// It was deleted.
    pub deleted: bool,
    /// The agent that registered it; none for the project token.
    pub created_by: Option<AgentId>,
    /// Where to send.
    pub url: String,
    /// Which events; `*` for all.
    pub events: Vec<String>,
    /// Over what is signed.
    pub signature_scheme: SignatureScheme,
    /// In which order.
    pub ordering: Ordering,
    /// Whether it is in use.
    pub active: bool,
    /// Where its sealed secret is kept.
    pub secret_id: SecretId,
    /// Those before it that sign too, oldest first, each for its time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_secrets: Vec<FormerSecret>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When the last event was recorded.
    pub updated_at: Timestamp,
    /// Which agent caused the last event.
    pub updated_by: Option<AgentId>,
}

/// A webhook as clients see it, without its secret (protocol 2.5).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WebhookDocument {
    /// Its id.
    pub id: WebhookId,
    /// The agent that registered it.
    pub agent_id: Option<AgentId>,
    /// Where to send.
    pub url: String,
    /// Which events.
    pub events: Vec<String>,
    /// Whether it is in use.
    pub active: bool,
    /// Deliveries in a row that failed for good.
    pub failure_count: i64,
    /// Over what is signed.
    pub signature_scheme: SignatureScheme,
    /// In which order.
    pub ordering: Ordering,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The secret in clear, only where the server made it, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl Webhook {
    /// It was created and not deleted.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.exists && !self.deleted
    }

    /// It is in use and wants the event. No webhook ever wants an internal one.
    #[must_use]
    pub fn wants(&self, event_type: &str) -> bool {
        self.is_alive()
            && self.active
            && EVENTS.contains(&event_type)
            && self.events.iter().any(|event| event == ALL_EVENTS || event == event_type)
    }

    /// The webhook, with a fact that no event carries.
    #[must_use]
    pub fn document(&self, failure_count: i64) -> WebhookDocument {
        WebhookDocument {
            id: self.id,
            agent_id: self.created_by,
            url: self.url.clone(),
            events: self.events.clone(),
            active: self.active,
            failure_count,
            signature_scheme: self.signature_scheme,
            ordering: self.ordering,
            created_at: self.created_at,
            updated_at: self.updated_at,
            secret: None,
        }
    }
}

/// A command to a webhook. Its fields are checked at the edge.
#[derive(Debug, Clone)]
pub enum WebhookCommand {
    /// Register it; every field is set.
    Create {
        /// Its id.
        id: WebhookId,
        /// Its fields.
        fields: WebhookFields,
        /// Above which position of the log its events begin; later ones only where there is none.
        from_position: Option<i64>,
    },
    /// Change it.
    Update {
        /// What to set.
        fields: WebhookFields,
        /// How long the present secret goes on signing beside a new one.
        secret_overlap_seconds: i64,
    },
    /// Send a delivery again, whatever became of it.
    Redeliver {
        /// Which; that it is one of the webhook's is checked elsewhere.
        delivery_id: DeliveryId,
    },
    /// Switch it off because deliveries fail.
    Disable {
        /// Why.
        reason: DisableReason,
    },
    /// Delete it.
    Delete,
}

/// Why a webhook refuses a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRefusal {
    /// Never created, or deleted.
    #[error("Webhook not found")]
    NotFound,
    /// Its id is taken.
    #[error("the webhook exists already")]
    AlreadyExists,
    /// Webhooks are for admins.
    #[error("only an admin may manage webhooks")]
    NotAdmin,
    /// It is switched off, and gets nothing.
    #[error("the webhook is inactive; switch it on first: PATCH /webhooks/:id with active true")]
    Inactive,
    /// Its events were to begin above a position that there is not yet.
    #[error("is above the last position of the log")]
    PositionAhead,
}

/// The aggregate: one webhook.
pub struct Webhooks;

impl esrs::Aggregate for Webhooks {
    const NAME: &'static str = KIND;
    type State = Webhook;
    type Command = Order<WebhookCommand>;
    type Event = WebhookEvent;
    type Error = WebhookRefusal;

    fn handle_command(
        webhook: &Webhook,
        order: Self::Command,
    ) -> Result<Vec<WebhookEvent>, WebhookRefusal> {
        if !order.by.may(Right::ManageWebhooks) {
            return Err(WebhookRefusal::NotAdmin);
        }
        if let WebhookCommand::Create { id, fields, from_position } = order.command {
            return match webhook.exists {
                true => Err(WebhookRefusal::AlreadyExists),
                false => Ok(vec![WebhookEvent::Created { webhook_id: id, fields, from_position }]),
            };
        }
        if !webhook.is_alive() {
            return Err(WebhookRefusal::NotFound);
        }
        Ok(match order.command {
            WebhookCommand::Create { .. } => vec![],
            WebhookCommand::Update { fields, secret_overlap_seconds } => {
                let fields = only_new(webhook, fields);
                if fields == WebhookFields::default() {
                    return Ok(vec![]);
                }
                let former_secrets = match fields.secret_id {
                    Some(_) => former_secrets(webhook, order.at, secret_overlap_seconds),
                    None => vec![],
                };
                vec![WebhookEvent::Updated { fields, former_secrets }]
            }
            WebhookCommand::Redeliver { .. } if !webhook.active => {
                return Err(WebhookRefusal::Inactive);
            }
            WebhookCommand::Redeliver { delivery_id } => {
                vec![WebhookEvent::RedeliveryRequested { delivery_id }]
            }
            WebhookCommand::Disable { .. } if !webhook.active => vec![],
            WebhookCommand::Disable { reason } => vec![WebhookEvent::Disabled { reason }],
            WebhookCommand::Delete => vec![WebhookEvent::Deleted],
        })
    }

    fn apply_event(mut webhook: Webhook, event: WebhookEvent) -> Webhook {
        match event {
            WebhookEvent::Created { webhook_id, fields, from_position: _ } => {
                webhook.id = webhook_id;
                webhook.exists = true;
                webhook.created_at = webhook.updated_at;
                webhook.created_by = webhook.updated_by;
                set(&mut webhook, fields);
            }
            WebhookEvent::Updated { fields, former_secrets } => {
                if fields.secret_id.is_some() {
                    webhook.former_secrets = former_secrets;
                }
                set(&mut webhook, fields);
            }
            // About a delivery: the webhook is as it was.
            WebhookEvent::RedeliveryRequested { delivery_id: _ } => {}
            WebhookEvent::Disabled { reason: _ } => webhook.active = false,
            WebhookEvent::Deleted => {
                webhook.active = false;
                webhook.deleted = true;
            }
        }
        webhook
    }
}

/// Folds one recorded event into the webhook.
#[must_use]
pub fn fold(mut webhook: Webhook, envelope: &Envelope, event: WebhookEvent) -> Webhook {
    if !matches!(event, WebhookEvent::RedeliveryRequested { .. }) {
        webhook.updated_at = envelope.at;
        webhook.updated_by = envelope.actor.agent();
    }
    <Webhooks as esrs::Aggregate>::apply_event(webhook, event)
}

fn only_new(webhook: &Webhook, fields: WebhookFields) -> WebhookFields {
    WebhookFields {
        url: fields.url.filter(|url| *url != webhook.url),
        events: fields.events.filter(|events| *events != webhook.events),
        signature_scheme: fields.signature_scheme.filter(|it| *it != webhook.signature_scheme),
        ordering: fields.ordering.filter(|ordering| *ordering != webhook.ordering),
        // Setting it active again says: start counting failures anew. That is news.
        active: fields.active.filter(|active| *active || *active != webhook.active),
        secret_id: fields.secret_id.filter(|secret| *secret != webhook.secret_id),
    }
}

/// Which secrets go on signing beside a new one: the present one for `overlap_seconds`, those
/// before it for what is left of their time. None at all where there is to be no overlap: whoever
/// says so fears that a secret is known.
fn former_secrets(webhook: &Webhook, at: Timestamp, overlap_seconds: i64) -> Vec<FormerSecret> {
    let until = overlap_seconds.checked_mul(1_000).and_then(|ms| at.as_millis().checked_add(ms));
    let Some(until) = until.and_then(Timestamp::from_millis).filter(|until| *until > at) else {
        return vec![];
    };
    let mut former = webhook.former_secrets.clone();
    former.retain(|secret| secret.until > at);
    former.push(FormerSecret { secret_id: webhook.secret_id, until });
    while former.len() > FORMER_SECRETS_MAX {
        let first = (0..former.len()).min_by_key(|&index| former[index].until).unwrap_or_default();
        former.remove(first);
    }
    former
}

fn set(webhook: &mut Webhook, fields: WebhookFields) {
    let WebhookFields { url, events, signature_scheme, ordering, active, secret_id } = fields;
    url.into_iter().for_each(|url| webhook.url = url);
    events.into_iter().for_each(|events| webhook.events = events);
    signature_scheme.into_iter().for_each(|scheme| webhook.signature_scheme = scheme);
    ordering.into_iter().for_each(|ordering| webhook.ordering = ordering);
    active.into_iter().for_each(|active| webhook.active = active);
    secret_id.into_iter().for_each(|secret| webhook.secret_id = secret);
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
