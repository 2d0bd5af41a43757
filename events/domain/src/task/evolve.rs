//! How a task's events change it. Total: every variant, no checks; history is not judged twice.
//!
//! The time and the actor of the event at hand are in `updated_at` and `updated_by`: the fold
//! sets them first.

use super::{
    changes::Changes,
    command::Parent,
    event::{TaskEvent, Transition},
    state::{Claim, Hop, HopKind, Task},
    status::Status,
};
use crate::{TaskId, Timestamp};

pub(super) fn evolve(mut task: Task, event: TaskEvent) -> Task {
    let (at, by) = (task.updated_at, task.updated_by);
    // One change is one revision: these only accompany another event of the same command.
    let accompanies = matches!(
        event,
        TaskEvent::Assigned { .. }
            | TaskEvent::Delegated { kind: HopKind::Child, .. }
            | TaskEvent::Updated {
                transition: Some(Transition::Follows | Transition::RetriedWaiting),
                ..
            }
    );
    if !accompanies {
        task.revision += 1;
    }
    match event {
        TaskEvent::Created { task_id, changes, parent, waits } => {
            create(&mut task, task_id, parent);
            changes.apply(&mut task, by, at);
            if waits {
                block(&mut task, waits);
            }
        }
        TaskEvent::Delegated { from, to, kind, changes } => {
            changes.apply(&mut task, by, at);
            delegate(&mut task, Hop { from, to, at, kind });
        }
        TaskEvent::ChildDelegated { child_id: _ } => task.status = Status::Delegated,
        TaskEvent::Assigned { to, previous: _ } => {
            task.assigned_to = to;
            if to.is_some() && task.claim.as_ref().is_some_and(|claim| claim.by != to) {
                end_claim(&mut task);
            }
        }
        TaskEvent::Updated { changes, transition } => {
            changes.apply(&mut task, by, at);
            transition.into_iter().for_each(|transition| transit(&mut task, transition));
        }
        TaskEvent::Claimed { lease_expires_at } => claim(&mut task, lease_expires_at),
        TaskEvent::Released => {
            task.claim = None;
            task.status = Status::Open;
        }
        TaskEvent::Blocked { waits } => block(&mut task, waits),
        TaskEvent::Unblocked => {
            task.status = Status::Open;
            task.waits = false;
        }
        TaskEvent::Completed { changes, evidence } => {
            finish(&mut task, Status::Completed, changes);
            task.completed_at = Some(at);
            task.completed_by = by;
            task.completion_evidence = evidence;
        }
        TaskEvent::Failed { changes } => finish(&mut task, Status::Failed, changes),
        TaskEvent::Cancelled { changes } => finish(&mut task, Status::Cancelled, changes),
        // The rest stays: a deleted task shows its last state (protocol 4.1).
        TaskEvent::Deleted => task.deleted = true,
    }
    task
}

fn create(task: &mut Task, id: TaskId, parent: Option<Parent>) {
    task.id = id;
    task.exists = true;
    task.created_at = task.updated_at;
    task.created_by = task.updated_by;
    task.status = Status::Open;
    match parent {
        None => {
            task.root = id;
            task.accountable = task.updated_by;
        }
        Some(Parent { parent_id, root_id, depth, accountable }) => {
            task.parent = Some(parent_id);
            task.root = root_id;
            task.delegation_depth = depth;
            task.accountable = accountable;
        }
    }
}

fn delegate(task: &mut Task, hop: Hop) {
    task.delegated_by = task.updated_by;
    task.assigned_to = hop.to;
    if hop.kind == HopKind::Handover {
        task.claim = None;
        if task.status != Status::Blocked {
            task.status = Status::Open;
        }
    }
    task.hops.push(hop);
}

fn block(task: &mut Task, waits: bool) {
    task.claim = None;
    task.status = Status::Blocked;
    task.waits = waits;
}

fn finish(task: &mut Task, status: Status, changes: Changes) {
    let (at, by) = (task.updated_at, task.updated_by);
    changes.apply(task, by, at);
    task.claim = None;
    task.waits = false;
    task.status = status;
}

fn claim(task: &mut Task, lease_expires_at: Option<Timestamp>) {
    let (at, by) = (task.updated_at, task.updated_by);
    task.status = Status::Claimed;
    task.claim = Some(Claim { by, at, lease_expires_at, session_state: None });
    task.claim_generation += 1;
    task.holders.extend(by);
    task.started_at.get_or_insert(at);
}

fn end_claim(task: &mut Task) {
    task.claim = None;
    if task.status == Status::Claimed {
        task.status = Status::Open;
    }
}

fn transit(task: &mut Task, transition: Transition) {
    match transition {
        Transition::Reopened => {
            task.status = Status::Open;
            task.reopen_count += 1;
            task.completed_at = None;
            task.completed_by = None;
            task.completion_evidence = None;
        }
        Transition::Retried => {
            task.status = Status::Open;
            task.retry_count += 1;
        }
        Transition::RetriedWaiting => task.retry_count += 1,
        Transition::TakenBack => {
            task.status = Status::Open;
            task.claim = None;
        }
        Transition::Follows => (),
    }
}
