//! Examples of agents, of the caller, and of the server.

use baton_commands::CommandError;
use baton_domain::account::AccountRefusal;
use serde_json::{Value, json};

use super::with;
use crate::{example::Operation, problem::Problem};

/// The agent that hands the work out.
pub(super) const ORCHESTRATOR: &str = "0195a3b1-0d1c-7a31-9f0e-5b7a0c2d4e61";
/// The agent that researches.
pub(super) const RESEARCHER: &str = "0195a3b1-1f42-7c55-8d2b-93c1a7e0b412";

pub(super) fn of(operation: &str) -> Option<Operation> {
    Some(match operation {
        "listAgents" => {
            Operation::answering(200, "To an admin", json!([researcher(), orchestrator()]))
                .or(200, "To a coordinator", json!([entry()]))
                .refusing([Problem::forbidden("you may not list the account's agents")])
        }
        "createAgent" => Operation::answering(201, "The agent with its key", with_key())
            .to("A worker", json!({ "name": "research-agent", "label": "Research Agent" }))
            .to("A coordinator", json!({ "name": "planner", "role": "coordinator" }))
            .refusing([
                refused(AccountRefusal::NotAdmin { action: "create agents" }),
                name_taken(),
                Problem::invalid_field("name", "is required"),
            ]),
        "getAgent" => Operation::answering(200, "To an admin", researcher())
            .or(200, "To a coordinator", entry())
            .refusing([
                Problem::forbidden("you may read no agent but yourself"),
                Problem::not_found("Agent"),
            ]),
        "updateAgent" | "putAgent" => changing(),
        "deleteAgent" => {
            Operation::answering(200, "It is gone", json!({ "ok": true, "deleted": RESEARCHER }))
                .refusing([
                    refused(AccountRefusal::NotAdmin { action: "delete agents" }),
                    Problem::not_found("Agent"),
                    refused(AccountRefusal::StillAtWork { unfinished_tasks: 2 }),
                ])
        }
        "rotateKey" => Operation::answering(200, "The agent with its new key", with_key())
            .to("No field is needed", json!({}))
            .refusing([
                refused(AccountRefusal::NotAdmin { action: "rotate another agent's key" }),
                Problem::not_found("Agent"),
            ]),
        "getMe" => Operation::answering(200, "With an agent key", me()).or(
            200,
            "With the project token",
            json!({ "agent": null, "account": account() }),
        ),
        "getHealth" => Operation::answering(200, "It is up", health()),
        _ => return None,
    })
}

fn changing() -> Operation {
    let changed = with(researcher(), json!({ "display_name": "Researcher", "label": "market" }));
    Operation::answering(200, "The agent", changed)
        .to("Its own fields", json!({ "display_name": "Researcher", "label": "market" }))
        .to("Its role, as an admin", json!({ "role": "auditor" }))
        .to("Out of use, as an admin", json!({ "active": false }))
        .refusing([
            refused(AccountRefusal::Protected { field: "role" }),
            Problem::not_found("Agent"),
            name_taken(),
            Problem::invalid_field("role", "must be one of worker, coordinator, admin, auditor"),
        ])
}

fn name_taken() -> Problem {
    refused(AccountRefusal::NameTaken { name: "writer-agent".to_owned() })
}

fn refused(refusal: AccountRefusal) -> Problem {
    CommandError::from(refusal).into()
}

fn researcher() -> Value {
    json!({
        "id": RESEARCHER,
        "name": "research-agent",
        "display_name": "Research Agent",
        "label": "Research Agent",
        "role": "worker",
        "active": true,
        "last_seen_at": "2026-03-17T10:04:12.480Z",
        "open_task_count": 1,
        "description": null,
        "permissions": [],
        "is_admin": false,
        "key_prefix": "dlg_Sx787exf...",
        "created_at": "2026-03-17T09:58:03.112Z",
        "updated_at": "2026-03-17T09:58:03.112Z",
    })
}

fn orchestrator() -> Value {
    let members = json!({
        "id": ORCHESTRATOR,
        "name": "orchestrator",
        "display_name": "Orchestrator Agent",
        "label": "Orchestrator Agent",
        "open_task_count": 0,
        "key_prefix": "dlg_q0TzR4bL...",
    });
    with(researcher(), members)
}

/// As the directory shows it.
fn entry() -> Value {
    let mut entry = researcher();
    if let Some(members) = entry.as_object_mut() {
        let hidden =
            ["description", "permissions", "is_admin", "key_prefix", "created_at", "updated_at"];
        members.retain(|name, _| !hidden.contains(&name.as_str()));
    }
    entry
}

fn with_key() -> Value {
    let members = json!({
        "last_seen_at": null,
        "open_task_count": 0,
        "api_key": "dlg_Sx787exfEXAMPLEqHWRUh6xtRgi3nxZSwdSIQmup6C8",
    });
    with(researcher(), members)
}

fn account() -> Value {
    json!({ "plan": "self-hosted", "email": null })
}

fn me() -> Value {
    let mut agent = researcher();
    if let Some(members) = agent.as_object_mut() {
        members.remove("key_prefix");
    }
    with(agent.clone(), json!({ "agent": agent, "account": account() }))
}

fn health() -> Value {
    json!({
        "ok": true,
        "status": "ok",
        "service": "baton",
        "version": env!("CARGO_PKG_VERSION"),
        "timestamp": "2026-03-17T10:00:00.000Z",
    })
}
