//! Examples of recurrences.

use baton_commands::CommandError;
use baton_domain::recurrence::RecurrenceRefusal;
use serde_json::{Value, json};

use super::{agents::RESEARCHER, annotations::done, with};
use crate::{example::Operation, problem::Problem};

/// The recurrence of all examples.
pub(super) const RECURRENCE: &str = "0195a3b6-0d4e-7c83-9f21-58b7e06c4a19";

pub(super) fn of(operation: &str) -> Option<Operation> {
    let gone = || Problem::not_found("Recurrence");
    let zone = || {
        let message = "must be the IANA name of a time zone, such as Europe/Berlin";
        Problem::invalid_field("timezone", message)
    };
    let named = || [CommandError::ProjectIsProtected.into(), Problem::not_found("Agent"), zone()];
    let common = || {
        let others = CommandError::from(RecurrenceRefusal::NotYours).into();
        [others, CommandError::ReadOnly.into(), gone()]
    };
    Some(match operation {
        "listRecurrences" => Operation::answering(200, "Your own", json!([recurrence()]))
            .refusing([Problem::conflict("more than 10000 recurrences")]),
        "createRecurrence" => {
            creating().refusing([CommandError::ReadOnly.into()]).refusing(named())
        }
        "getRecurrence" => {
            Operation::answering(200, "The recurrence", recurrence()).refusing([gone()])
        }
        "updateRecurrence" | "putRecurrence" => {
            let paused = with(recurrence(), json!({ "active": false }));
            Operation::answering(200, "The recurrence", paused)
                .to("Pause it", json!({ "active": false }))
                .to(
                    "On Fridays at nine, for nobody in particular",
                    json!({
                        "anchor_weekday": 5,
                        "next_due_at": "2026-03-27T09:00:00+01:00",
                        "assigned_to_agent_id": null,
                    }),
                )
                .refusing(common())
                .refusing(named())
        }
        "deleteRecurrence" => Operation::answering(200, "It is gone", done()).refusing(common()),
        _ => return None,
    })
}

fn creating() -> Operation {
    Operation::answering(201, "The recurrence", recurrence())
        .to(
            "Every second Monday",
            json!({
                "content": "Collect what competitors have published",
                "rule_type": "weekly",
                "interval": 2,
                "anchor_weekday": 1,
                "timezone": "Europe/Berlin",
                "labels": ["market"],
                "assigned_to_agent_id": "research-agent",
            }),
        )
        .to(
            "On the last day of each month, at six in the evening",
            json!({
                "content": "Write the monthly report",
                "rule_type": "monthly",
                "anchor_day": 31,
                "next_due_at": "2026-03-31T18:00:00Z",
            }),
        )
}

fn recurrence() -> Value {
    let agent = json!({
        "id": RESEARCHER, "name": "research-agent", "display_name": "Research Agent",
        "label": null, "active": true,
    });
    json!({
        "id": RECURRENCE,
        "content": "Collect what competitors have published",
        "description": null,
        "project_id": null,
        "priority": 2,
        "labels": ["market"],
        "assigned_to_agent_id": RESEARCHER,
        "assigned_to_agent": agent,
        "rule_type": "weekly",
        "interval": 2,
        "timezone": "Europe/Berlin",
        "anchor_day": null,
        "anchor_month": null,
        "anchor_weekday": 1,
        "next_due_at": "2026-03-22T23:00:00.000Z",
        "last_spawned_at": null,
        "active": true,
        "skip_if_open": true,
        "created_by_agent_id": RESEARCHER,
        "created_by_agent": agent,
        "created_at": "2026-03-17T10:02:00.000Z",
        "updated_at": "2026-03-17T10:02:00.000Z",
    })
}
