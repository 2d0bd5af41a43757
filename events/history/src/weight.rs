//! What states take in memory, roughly but never far below: caches are bounded by it.

use std::mem::size_of;

use baton_domain::{
    account::{Account, Agent, Project},
    json::Object,
    recurrence::Recurrence,
    task::{Provenance, Task},
    webhook::Webhook,
};
use serde_json::Value;

/// What an allocation takes beside its bytes: the allocator's own, and rounding up.
const ALLOCATION_BYTES: usize = 16;
/// The counters before a state that is shared.
const COUNTERS_BYTES: usize = 2 * size_of::<usize>();
/// Members that a node of a map has place for. Most nodes are not full.
const NODE_MEMBERS_MAX: usize = 11;
const NODE_MEMBERS_USUAL: usize = 8;

pub(crate) fn task(task: &Task) -> usize {
    let texts = [
        &task.description,
        &task.due_time,
        &task.result_summary,
        &task.error_message,
        &task.workflow_slug,
        &task.execution_id,
        &task.recurring_string,
        &task.handoff_note,
    ];
    let evidence = task.completion_evidence.iter().flatten();
    let evidence = evidence.map(|item| {
        size_of_val(item) + text(&item.reference) + item.summary.as_deref().map_or(0, text)
    });
    let notes = task.notes.iter().map(|note| size_of_val(note) + text(&note.text));
    let subtasks = task.subtasks.iter().map(|it| size_of_val(it) + text(&it.content));
    let subtasks = subtasks.sum::<usize>();
    let links = task.links.iter().map(|it| {
        let texts = [Some(&it.reference), it.repo.as_ref(), it.url.as_ref()];
        size_of_val(it) + texts.into_iter().flatten().map(|it| text(it)).sum::<usize>()
    });
    let links = links.sum::<usize>();
    COUNTERS_BYTES
        + size_of::<Task>()
        + text(&task.content)
        + texts.into_iter().flatten().map(|it| text(it)).sum::<usize>()
        + list(&task.labels)
        + object(&task.metadata)
        + object(&task.context)
        + provenance(task)
        + task.requirements.as_ref().map_or(0, object)
        + evidence.sum::<usize>()
        + notes.sum::<usize>()
        + size_of_val(task.hops.as_slice())
        + size_of_val(task.depends_on.as_slice())
        + size_of_val(task.lost_claims.as_slice())
        + task.claim.as_ref().and_then(|claim| claim.detail.as_deref()).map_or(0, text)
        + nodes::<baton_domain::AgentId, ()>(task.holders.len())
        + size_of_val(task.comments.as_slice())
        + subtasks
        + links
}

fn provenance(task: &Task) -> usize {
    let keys = task.context_provenance.keys().map(|key| text(key));
    nodes::<String, Provenance>(task.context_provenance.len()) + keys.sum::<usize>()
}

pub(crate) fn webhook(webhook: &Webhook) -> usize {
    let events = webhook.events.len() * size_of::<String>();
    let events = events + webhook.events.iter().map(|event| text(event)).sum::<usize>();
    let secrets = size_of_val(webhook.former_secrets.as_slice());
    COUNTERS_BYTES + size_of::<Webhook>() + text(&webhook.url) + events + secrets
}

pub(crate) fn recurrence(recurrence: &Recurrence) -> usize {
    COUNTERS_BYTES
        + size_of::<Recurrence>()
        + text(&recurrence.content)
        + recurrence.description.as_deref().map_or(0, text)
        + list(&recurrence.labels)
        + text(&recurrence.timezone)
}

pub(crate) fn account(account: &Account) -> usize {
    let agents = nodes::<baton_domain::AgentId, Agent>(account.agents.len());
    let projects = nodes::<baton_domain::ProjectId, Project>(account.projects.len());
    COUNTERS_BYTES
        + size_of::<Account>()
        + agents
        + account.agents.values().map(agent).sum::<usize>()
        + projects
        + account.projects.values().map(project).sum::<usize>()
}

fn project(project: &Project) -> usize {
    let texts = [Some(&project.name), project.emoji.as_ref(), project.color.as_ref()];
    texts.into_iter().flatten().map(|it| text(it)).sum()
}

fn agent(agent: &Agent) -> usize {
    let texts = [&agent.label, &agent.display_name, &agent.description];
    let texts = texts.into_iter().flatten().map(|it| text(it)).sum::<usize>();
    text(&agent.name) + text(&agent.key_prefix) + texts + list(&agent.permissions)
}

fn text(text: &str) -> usize {
    match text.len() {
        0 => 0,
        bytes => bytes + ALLOCATION_BYTES,
    }
}

fn list(texts: &[String]) -> usize {
    size_of_val(texts) + texts.iter().map(|it| text(it)).sum::<usize>()
}

fn object(object: &Object) -> usize {
    let members = object.iter().map(|(name, member)| text(name) + value(member));
    nodes::<String, Value>(object.len()) + members.sum::<usize>()
}

fn value(value: &Value) -> usize {
    match value {
        Value::String(it) => text(it),
        Value::Array(items) => {
            size_of_val(items.as_slice()) + items.iter().map(self::value).sum::<usize>()
        }
        Value::Object(it) => object(it),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// The nodes of a map with so many members.
fn nodes<K, V>(members: usize) -> usize {
    let node = NODE_MEMBERS_MAX * (size_of::<K>() + size_of::<V>()) + 2 * ALLOCATION_BYTES;
    members.div_ceil(NODE_MEMBERS_USUAL) * node
}
