//! Schemas of webhooks and deliveries (protocol 2.5).

use poem_openapi::{Enum, Object};

use super::scalar::{Instant, JsonObject, Nullable};

/// What the signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum SignatureScheme {
    /// The body.
    Body,
    /// Time and body.
    Timestamped,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct Webhook {
    /// Opaque id.
    pub id: String,
    /// The agent that created it; null for the project token.
    pub agent_id: Nullable<String>,
    /// Where deliveries go.
    pub url: String,
    /// Names of the events it wants.
    pub events: Vec<String>,
    /// False when nothing is sent.
    pub active: bool,
    /// Deliveries in a row that failed for good.
    pub failure_count: i64,
    /// What the signature covers.
    pub signature_scheme: SignatureScheme,
    /// `per_task` or `strict`: in which order deliveries go out.
    pub ordering: String,
    /// When it was created.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
}

/// A webhook just created; the secret is included only when the server made it.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct WebhookWithSecret {
    #[oai(flatten)]
    webhook: Webhook,
    /// The signing secret. It is never shown again.
    pub secret: Option<String>,
}

/// One delivery of an event to a webhook.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct Delivery {
    /// Opaque id.
    pub id: String,
    /// The webhook.
    pub webhook_id: String,
    /// Name of the event.
    pub event: String,
    /// The payload as sent.
    pub payload: JsonObject,
    /// Status of the last attempt.
    pub status_code: Nullable<i64>,
    /// First 500 characters of the last answer.
    pub response_body: Nullable<String>,
    /// True when the receiver took it.
    pub success: bool,
    /// Attempts so far.
    pub attempt: i64,
    /// When the next attempt is due.
    pub next_attempt_at: Nullable<Instant>,
    /// When it was planned.
    pub created_at: Instant,
    /// When the receiver took it.
    pub delivered_at: Nullable<Instant>,
    /// Why there was no answer, where there was none.
    pub error: Nullable<String>,
}
