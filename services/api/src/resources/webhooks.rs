//! Webhooks and their deliveries (protocol 1.8). All of it is for admins.

use std::{collections::HashMap, sync::Arc};

use baton_commands::{Answer, Caller, ChangeWebhook, KeyText, RegisterWebhook, WebhookSecret};
use baton_domain::{
    Right,
    webhook::{Webhook, WebhookCommand},
};
use baton_projections::Model;
use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use serde_json::{Value, json};

use super::{
    Tag,
    webhook_bodies::{NewWebhook, WebhookUpdate},
};
use crate::{
    answer::{Accepted, Created, Rendered},
    body::Body,
    caller::{Read, Write},
    page::{self, Window, WindowRule},
    path::{Id, Path},
    problem::Problem,
    query::{FromParams, Params, Query},
    schema::{Delivery, OkDeleted, Webhook as WebhookSchema, WebhookWithSecret},
    service::{Reader, Services, now},
};

#[derive(Default)]
pub(crate) struct WebhooksApi;

/// Part of the delivery log.
#[derive(Object)]
#[oai(rename = "DeliveryWindow")]
pub(super) struct DeliveryWindowDocument {
    /// At most so many; 20 when left out.
    limit: Option<i64>,
}

pub(super) struct DeliveryWindow {
    limit: i64,
}

impl FromParams for DeliveryWindow {
    type Document = DeliveryWindowDocument;

    fn from_params(params: &mut Params<'_>) -> Self {
        let WindowRule { limit_default, limit_max } = page::DELIVERIES;
        Self { limit: params.integer("limit", 1..=limit_max).or(limit_default) }
    }
}

#[OpenApi(tag = "Tag::Webhooks")]
impl WebhooksApi {
    /// List webhooks
    ///
    /// All of the account, whoever registered them. Only admins see and change webhooks.
    #[oai(path = "/webhooks", method = "get", operation_id = "listWebhooks")]
    async fn list(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
    ) -> Result<Rendered<Vec<WebhookSchema>>, Problem> {
        admin(&services, &call).await?;
        let account = &call.caller.account;
        let webhooks = services.reads.webhooks(account).await?;
        let failures = services.deliveries.failure_counts(account).await?;
        let count = |webhook: &Webhook| failures.get(&webhook.id).copied().unwrap_or_default();
        let shown: Vec<Value> =
            webhooks.iter().map(|webhook| json!(webhook.document(count(webhook)))).collect();
        Rendered::of(&shown)
    }

    /// Register a webhook
    ///
    /// Every event of the account that it names is sent to its URL, signed, whoever caused it.
    /// Without a `secret` the server makes one and shows it in this answer only. With
    /// `from_position` past events are sent too, each task's in order, before those that happen
    /// from now on.
    #[oai(path = "/webhooks", method = "post", operation_id = "createWebhook")]
    async fn create(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        body: Body<NewWebhook>,
    ) -> Result<Created<WebhookWithSecret>, Problem> {
        may_manage(&services, &call.caller)?;
        let context = services.context(&call, body.digest);
        let NewWebhook { mut fields, secret, from_position } = body.value;
        fields.signature_scheme.get_or_insert(services.webhook_signature_scheme);
        check_url(&services, fields.url.as_deref()).await?;
        let secret = match secret {
            Some(secret) => WebhookSecret::Given(KeyText(secret)),
            None => WebhookSecret::Generated,
        };
        let command = RegisterWebhook { fields, secret, from_position };
        let answer = services.commands.register_webhook(&context, command).await?;
        let mut document = answer.state.document(0);
        document.secret = answer.secret.as_ref().map(|secret| secret.0.clone());
        Ok(Rendered::of(&document)?.at(answer.position).replayed(answer.is_replay))
    }

    /// Read a webhook
    ///
    /// Its secret is not shown.
    #[oai(path = "/webhooks/:id", method = "get", operation_id = "getWebhook")]
    async fn get(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        id: Path<Id>,
    ) -> Result<Rendered<WebhookSchema>, Problem> {
        let webhook = find(&services, &call, id.as_str()).await?;
        let failures = services.deliveries.failure_counts(&call.caller.account).await?;
        let count = failures.get(&webhook.id).copied().unwrap_or_default();
        Rendered::of(&webhook.document(count))
    }

    /// Change a webhook
    ///
    /// `active: true` also sets `failure_count` to 0. A new `secret` signs at once; for the time
    /// of `secret_overlap_seconds` the former one does so too, in `webhook-signature`, where any
    /// signature that matches is enough. `X-Delega-Signature` has room for the new one's only.
    #[oai(path = "/webhooks/:id", method = "patch", operation_id = "updateWebhook")]
    async fn update(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<WebhookUpdate>,
    ) -> Result<Rendered<WebhookSchema>, Problem> {
        may_manage(&services, &call.caller)?;
        let WebhookUpdate { fields, secret, secret_overlap_seconds } = body.value;
        check_url(&services, fields.url.as_deref()).await?;
        // Counted before the change: once it is done nothing may fail.
        let failures = match fields.active {
            Some(true) => HashMap::new(),
            _ => services.deliveries.failure_counts(&call.caller.account).await?,
        };
        let command = WebhookCommand::Update { fields, secret_overlap_seconds };
        let secret = secret.map(KeyText);
        let answer = change(&services, &call, (id.0, body.digest), command, secret).await?;
        let count = failures.get(&answer.state.id).copied().unwrap_or_default();
        Ok(Rendered::of(&answer.state.document(count))?.at(answer.position))
    }

    /// Change a webhook (the same as PATCH)
    ///
    /// Only the fields in the body change.
    #[oai(path = "/webhooks/:id", method = "put", operation_id = "putWebhook")]
    async fn put(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<WebhookUpdate>,
    ) -> Result<Rendered<WebhookSchema>, Problem> {
        self.update(services, call, id, body).await
    }

    /// Delete a webhook
    ///
    /// What was not delivered yet is dropped.
    #[oai(path = "/webhooks/:id", method = "delete", operation_id = "deleteWebhook")]
    async fn delete(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
    ) -> Result<Rendered<OkDeleted>, Problem> {
        let command = WebhookCommand::Delete;
        let answer = change(&services, &call, (id.0, [0; 32]), command, None).await?;
        let document = json!({"ok": true, "deleted": answer.state.id});
        Ok(Rendered::of(&document)?.at(answer.position))
    }

    /// The delivery log of a webhook
    ///
    /// Newest first; kept at least 7 days.
    #[oai(path = "/webhooks/:id/deliveries", method = "get", operation_id = "listDeliveries")]
    async fn deliveries(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        id: Path<Id>,
        query: Query<DeliveryWindow>,
    ) -> Result<Rendered<Vec<Delivery>>, Problem> {
        let webhook = find(&services, &call, id.as_str()).await?;
        let DeliveryWindow { limit } = query.0;
        let account = &call.caller.account;
        let window = Window { limit, offset: 0 };
        let one_more = window.limit_and_one();
        let mut deliveries = services.deliveries.deliveries(account, webhook.id, one_more).await?;
        let has_more = window.cut(&mut deliveries);
        Ok(Rendered::of(&deliveries)?.has_more(has_more))
    }

    /// Send a delivery again
    ///
    /// It goes out at once, with the same id and the same body, whatever became of it before;
    /// who asked for it is on record. If the receiver does not take it, it is tried again on the
    /// usual schedule, from its beginning. An inactive webhook must be switched on first.
    #[oai(
        path = "/webhooks/:id/deliveries/:delivery_id/redeliver",
        method = "post",
        operation_id = "redeliver"
    )]
    async fn redeliver(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        delivery_id: Path<Id>,
    ) -> Result<Accepted<Delivery>, Problem> {
        may_manage(&services, &call.caller)?;
        let webhook = id.as_str().parse().map_err(|_| Problem::not_found("Webhook"))?;
        let delivery_id = delivery_id.as_str().parse();
        let delivery_id = delivery_id.map_err(|_| Problem::not_found("Delivery"))?;
        let account = &call.caller.account;
        let found = services.deliveries.delivery(account, webhook, delivery_id).await?;
        let delivery = found.ok_or_else(|| Problem::not_found("Delivery"))?;
        let command = WebhookCommand::Redeliver { delivery_id };
        let answer = change(&services, &call, (id.0, [0; 32]), command, None).await?;
        // Asked for before: it is what it has become since.
        let delivery = match answer.is_replay {
            true => delivery,
            false => delivery.requested(now()),
        };
        Ok(Rendered::of(&delivery)?.at(answer.position).replayed(answer.is_replay))
    }
}

fn may_manage(services: &Services, caller: &Caller) -> Result<(), Problem> {
    match services.standing(caller)?.standing.may(Right::ManageWebhooks) {
        true => Ok(()),
        false => Err(Problem::forbidden("only an admin may manage webhooks")),
    }
}

async fn admin(services: &Services, call: &Read<Caller>) -> Result<Reader, Problem> {
    may_manage(services, &call.caller)?;
    services.reader(call, Model::Webhooks).await
}

async fn find(services: &Services, call: &Read<Caller>, id: &str) -> Result<Webhook, Problem> {
    admin(services, call).await?;
    let webhook = match id.parse() {
        Ok(id) => services.reads.webhook(&call.caller.account, id).await?,
        Err(_) => None,
    };
    webhook.ok_or_else(|| Problem::not_found("Webhook"))
}

/// Addresses are checked again at every delivery; this spares the client a webhook that can never
/// be delivered (protocol 4.3).
async fn check_url(services: &Services, url: Option<&str>) -> Result<(), Problem> {
    let Some(url) = url else { return Ok(()) };
    let checked = services.addresses.check(url).await;
    checked.map_err(|refusal| Problem::bad_request(refusal.to_string()))
}

async fn change(
    services: &Services,
    call: &Write<Caller>,
    (id, digest): (Id, [u8; 32]),
    command: WebhookCommand,
    secret: Option<KeyText>,
) -> Result<Answer<Webhook>, Problem> {
    let context = services.context(call, digest);
    let command = ChangeWebhook { id: id.into_string(), command };
    Ok(services.commands.change_webhook(&context, command, secret).await?)
}
