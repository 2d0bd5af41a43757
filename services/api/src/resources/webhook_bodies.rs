//! Bodies about webhooks (protocol 1.8). Unknown events, bad URLs and over-long secrets are 400,
//! as published clients expect (0.9).

use baton_domain::webhook::{
    ALL_EVENTS, EVENTS, Ordering, SECRET_OVERLAP_SECONDS, SECRET_OVERLAP_SECONDS_MAX,
    SignatureScheme, WebhookFields,
};
use poem_openapi::Object;

use crate::{
    body::FromFields,
    field::Text,
    fields::{Fields, ListRule, Shape},
    schema::{Nullable, SignatureScheme as SignatureSchemeWord},
};

const EVENT_NAMES: ListRule =
    ListRule { shape: Shape::ArrayOrCommas, items_max: 100, item: Text::filled(100) };
const URL: Text = Text::filled(2_000);
const SECRET_CHARS_MAX: usize = 256;
const SCHEMES: [(&str, SignatureScheme); 2] =
    [("body", SignatureScheme::Body), ("timestamped", SignatureScheme::Timestamped)];
const ORDERINGS: [(&str, Ordering); 2] =
    [("per_task", Ordering::PerTask), ("strict", Ordering::Strict)];

/// A webhook to be registered.
#[derive(Debug)]
pub(super) struct NewWebhook {
    pub(super) fields: WebhookFields,
    pub(super) secret: Option<String>,
    pub(super) from_position: Option<i64>,
}

/// A webhook to be registered.
#[derive(Object)]
#[oai(rename = "NewWebhook")]
pub(super) struct NewWebhookDocument {
    /// Where to send: http or https.
    #[oai(validator(min_length = 1, max_length = 2000))]
    url: String,
    /// Names of events; all when left out.
    #[oai(validator(max_items = 100))]
    events: Option<Vec<String>>,
    /// What to sign with; made by the server and shown once when left out.
    #[oai(validator(max_length = 256))]
    secret: Option<Nullable<String>>,
    /// What the signature covers; when left out the body, unless the server is set otherwise.
    signature_scheme: Option<SignatureSchemeWord>,
    /// `per_task` (one task's events in order, tasks side by side) or `strict` (one at a time).
    ordering: Option<String>,
    /// Whether it is in use; true when left out.
    active: Option<bool>,
    /// Deliveries begin with the events above this position of the log; 0 for all there are.
    /// Without it they begin with what happens from now on. Only for an active webhook.
    #[oai(validator(minimum(value = "0")))]
    from_position: Option<i64>,
}

impl FromFields for NewWebhook {
    type Document = NewWebhookDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let url = fields.text("url", URL).required();
        let events = read_events(fields).unwrap_or_else(|| vec![ALL_EVENTS.to_owned()]);
        let secret = read_secret(fields);
        let active = fields.boolean("active").or(true);
        let from_position = fields.integer("from_position", 0..=i64::MAX).optional();
        if from_position.is_some() && !active {
            fields.wrong("from_position", "is for an active webhook; an inactive one gets nothing");
        }
        let new = WebhookFields {
            url: Some(url),
            events: Some(events),
            signature_scheme: fields.choice("signature_scheme", &SCHEMES).optional(),
            ordering: Some(fields.choice("ordering", &ORDERINGS).or(Ordering::PerTask)),
            active: Some(active),
            secret_id: None,
        };
        Self { fields: new, secret, from_position }
    }
}

/// An update of a webhook.
#[derive(Debug)]
pub(super) struct WebhookUpdate {
    pub(super) fields: WebhookFields,
    pub(super) secret: Option<String>,
    pub(super) secret_overlap_seconds: i64,
}

/// Fields to set; what is left out stays.
#[derive(Object)]
#[oai(rename = "WebhookUpdate")]
pub(super) struct WebhookUpdateDocument {
    /// Where to send: http or https.
    #[oai(validator(min_length = 1, max_length = 2000))]
    url: Option<String>,
    /// Names of events.
    #[oai(validator(max_items = 100))]
    events: Option<Vec<String>>,
    /// What to sign with from now on.
    #[oai(validator(max_length = 256))]
    secret: Option<Nullable<String>>,
    /// For how many seconds the former secret signs beside a new one, in `webhook-signature`;
    /// 86400 when left out. With 0 every former secret is void at once.
    #[oai(validator(minimum(value = "0"), maximum(value = "604800")))]
    secret_overlap_seconds: Option<i64>,
    /// What the signature covers.
    signature_scheme: Option<SignatureSchemeWord>,
    /// `per_task` or `strict`.
    ordering: Option<String>,
    /// Whether it is in use; true also sets `failure_count` to 0.
    active: Option<bool>,
}

impl FromFields for WebhookUpdate {
    type Document = WebhookUpdateDocument;

    fn from_fields(fields: &mut Fields<'_>) -> Self {
        let secret = read_secret(fields);
        let overlap = fields.integer("secret_overlap_seconds", 0..=SECRET_OVERLAP_SECONDS_MAX);
        let overlap = overlap.optional();
        if overlap.is_some() && secret.is_none() {
            fields.wrong("secret_overlap_seconds", "only goes with a new secret");
        }
        let fields = WebhookFields {
            url: fields.text("url", URL).change(),
            events: read_events(fields),
            signature_scheme: fields.choice("signature_scheme", &SCHEMES).change(),
            ordering: fields.choice("ordering", &ORDERINGS).change(),
            active: fields.boolean("active").change(),
            secret_id: None,
        };
        let secret_overlap_seconds = overlap.unwrap_or(SECRET_OVERLAP_SECONDS);
        Self { fields, secret, secret_overlap_seconds }
    }
}

fn read_events(fields: &mut Fields<'_>) -> Option<Vec<String>> {
    let events = fields.texts("events", EVENT_NAMES);
    let events = events
        .check(|events| !events.is_empty(), "must name an event; leave it out for all")
        .optional()?;
    let is_known = |event: &&String| **event == ALL_EVENTS || EVENTS.contains(&event.as_str());
    if let Some(unknown) = events.iter().find(|event| !is_known(event)) {
        fields.refuse(format!("events: \"{unknown}\" is not an event; * stands for all"));
    }
    Some(events)
}

fn read_secret(fields: &mut Fields<'_>) -> Option<String> {
    let secret = fields.text("secret", Text::filled(usize::MAX)).optional()?;
    if secret.chars().count() > SECRET_CHARS_MAX {
        fields.refuse(format!("secret must be at most {SECRET_CHARS_MAX} characters"));
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift;

    #[test]
    fn what_is_read_is_what_is_shown() {
        assert_eq!(drift::of_body::<NewWebhook>(), [""; 0]);
        assert_eq!(drift::of_body::<WebhookUpdate>(), [""; 0]);
    }
}
