//! The chain of custody of a task: every hop of every task with the same root (protocol 2.4).

use serde::Serialize;
use serde_json::Value;

use super::{
    render::{TaskDocument, View},
    state::{HopKind, Task},
    status::Status,
};
use crate::{AgentId, Standing, TaskId, Timestamp, account::Account, json::Object};

/// The answer to a chain request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChainDocument {
    /// The task asked for.
    pub task_id: TaskId,
    /// The first task of the chain.
    pub root_id: TaskId,
    /// The first task, or what the caller may see of it.
    pub root: Object,
    /// One entry per hop, and one for each task without hops.
    pub chain: Vec<ChainEntry>,
    /// The largest depth.
    pub depth: u32,
    /// Completed tasks of the tree.
    pub completed_count: usize,
    /// Tasks of the tree.
    pub total_count: usize,
}

/// One hop with its task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChainEntry {
    /// Name of who handed it on.
    pub from: Option<String>,
    /// Name of who has it then.
    pub to: Option<String>,
    /// When.
    pub at: Timestamp,
    /// `create`, `child` or `handover`.
    pub kind: &'static str,
    /// Who handed it on.
    pub from_agent_id: Option<AgentId>,
    /// Who has it then.
    pub to_agent_id: Option<AgentId>,
    /// The task, or what the caller may see of it.
    #[serde(flatten)]
    pub task: Object,
}

/// What an unreadable task of a readable chain still shows.
const UNRESTRICTED: [&str; 6] =
    ["id", "status", "completed", "delegation_depth", "parent_task_id", "root_task_id"];

/// The chain that `asked` belongs to. `tasks` are all tasks with its root, deleted ones included,
/// in any order; `directory` is the account as of the same position.
#[must_use]
pub fn chain(
    asked: &Task,
    mut tasks: Vec<Task>,
    caller: &Standing,
    directory: &Account,
) -> ChainDocument {
    tasks.sort_by_key(|task| (task.delegation_depth, task.created_at, task.id));
    let shown: Vec<Object> = tasks.iter().map(|task| show(task, caller, directory)).collect();
    let root = tasks.iter().position(|task| task.id == asked.root);
    let mut chain = Vec::new();
    for (task, shown) in tasks.iter().zip(&shown) {
        chain.extend(entries(task, shown, directory));
    }
    ChainDocument {
        task_id: asked.id,
        root_id: asked.root,
        root: root.map(|at| shown[at].clone()).unwrap_or_default(),
        chain,
        depth: tasks.iter().map(|task| task.delegation_depth).max().unwrap_or_default(),
        completed_count: tasks.iter().filter(|task| task.status == Status::Completed).count(),
        total_count: tasks.len(),
    }
}

fn entries(task: &Task, shown: &Object, directory: &Account) -> Vec<ChainEntry> {
    let name = |id: Option<AgentId>| id.and_then(|id| directory.name_of(id)).map(str::to_owned);
    let entry = |from, to, at, kind| ChainEntry {
        from: name(from),
        to: name(to),
        at,
        kind,
        from_agent_id: from,
        to_agent_id: to,
        task: shown.clone(),
    };
    if task.hops.is_empty() {
        return vec![entry(None, task.assigned_to, task.created_at, "create")];
    }
    let kind = |kind| match kind {
        HopKind::Child => "child",
        HopKind::Handover => "handover",
    };
    task.hops.iter().map(|hop| entry(hop.from, hop.to, hop.at, kind(hop.kind))).collect()
}

/// The task as the caller may see it: whole, or with everything but its place nulled.
fn show(task: &Task, caller: &Standing, directory: &Account) -> Object {
    let document: TaskDocument = task.document(directory, View::Plain);
    let Ok(Value::Object(mut shown)) = serde_json::to_value(document) else {
        unreachable!("a task document is an object of plain values")
    };
    if !task.is_readable_by(caller) {
        for (field, value) in &mut shown {
            if !UNRESTRICTED.contains(&field.as_str()) {
                *value = Value::Null;
            }
        }
        shown.insert("content".to_owned(), Value::from("[restricted]"));
    }
    shown
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
