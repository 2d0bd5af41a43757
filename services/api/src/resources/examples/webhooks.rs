//! Examples of webhooks and their deliveries.

use baton_commands::CommandError;
use baton_domain::webhook::WebhookRefusal;
use serde_json::{Value, json};

use super::{task_documents as tasks, with};
use crate::{example::Operation, problem::Problem};

/// The webhook of all examples.
pub(super) const HOOK: &str = "0195a3b4-63c1-7b0a-a2f6-40d98e7c1f35";
/// A delivery to it.
pub(super) const DELIVERY: &str = "0195a3c2-1e05-7f6d-8b3a-29c7d4e0a861";

pub(super) fn of(operation: &str) -> Option<Operation> {
    let only_admins = || Problem::from(CommandError::Webhook(WebhookRefusal::NotAdmin));
    let common = || [only_admins(), Problem::not_found("Webhook")];
    Some(match operation {
        "listWebhooks" => Operation::answering(200, "All of the account", json!([webhook()]))
            .refusing([only_admins(), Problem::conflict("more than 10000 webhooks")]),
        "createWebhook" => registering().refusing([
            only_admins(),
            Problem::bad_request("events: \"task.finished\" is not an event; * stands for all"),
            Problem::invalid_field("url", "is required"),
        ]),
        "getWebhook" => Operation::answering(200, "The webhook", webhook()).refusing(common()),
        "updateWebhook" | "putWebhook" => changing().refusing(common()).refusing([
            Problem::bad_request("url must be an http or https address"),
            Problem::invalid_field("secret_overlap_seconds", "must be an integer from 0 to 604800"),
        ]),
        "deleteWebhook" => {
            Operation::answering(200, "It is gone", json!({ "ok": true, "deleted": HOOK }))
                .refusing(common())
        }
        "listDeliveries" => Operation::answering(200, "The newest", json!([delivery(), failed()]))
            .refusing(common()),
        "redeliver" => {
            let due = json!({
                "success": false, "delivered_at": null, "next_attempt_at": "2026-03-17T11:00:00.000Z",
            });
            Operation::answering(202, "It is on its way", with(delivery(), due)).refusing([
                only_admins(),
                Problem::not_found("Delivery"),
                CommandError::Webhook(WebhookRefusal::Inactive).into(),
            ])
        }
        _ => return None,
    })
}

fn registering() -> Operation {
    let made =
        with(webhook(), json!({ "secret": "whsec_RVhBTVBMRS1PTkxZLW5vdC1hLXNlY3JldC0tLS0=" }));
    Operation::answering(201, "With the secret that the server made", made)
        .or(201, "With a secret of your own", webhook())
        .to(
            "With a secret of your own",
            json!({
                "url": "https://your-server.com/hooks/delega",
                "events": ["task.completed", "task.failed"],
                "secret": "whsec_your_signing_secret",
            }),
        )
        .to(
            "All events, past ones too",
            json!({ "url": "https://your-server.com/hooks/delega", "from_position": 0 }),
        )
}

fn changing() -> Operation {
    Operation::answering(200, "The webhook", webhook())
        .to("In use again", json!({ "active": true }))
        .to(
            "A new secret, the former one valid for an hour",
            json!({ "secret": "whsec_your_next_secret", "secret_overlap_seconds": 3600 }),
        )
}

fn webhook() -> Value {
    json!({
        "id": HOOK,
        "agent_id": null,
        "url": "https://your-server.com/hooks/delega",
        "events": ["task.completed", "task.failed"],
        "active": true,
        "failure_count": 0,
        "signature_scheme": "body",
        "ordering": "per_task",
        "created_at": "2026-03-17T09:59:30.000Z",
        "updated_at": "2026-03-17T09:59:30.000Z",
    })
}

fn delivery() -> Value {
    json!({
        "id": DELIVERY,
        "webhook_id": HOOK,
        "event": "task.completed",
        "payload": {
            "event": "task.completed",
            "timestamp": "2026-03-17T10:31:07.250Z",
            "id": DELIVERY,
            "task": tasks::message(tasks::completed()),
            "agent": { "id": super::agents::RESEARCHER, "name": "research-agent",
                       "display_name": "Research Agent" },
        },
        "status_code": 200,
        "response_body": "ok",
        "success": true,
        "attempt": 1,
        "next_attempt_at": null,
        "created_at": "2026-03-17T10:31:07.301Z",
        "delivered_at": "2026-03-17T10:31:07.544Z",
        "error": null,
    })
}

fn failed() -> Value {
    let members = json!({
        "status_code": null,
        "response_body": null,
        "success": false,
        "attempt": 2,
        "next_attempt_at": "2026-03-17T10:36:12.000Z",
        "delivered_at": null,
        "error": "connection refused",
    });
    with(delivery(), members)
}
