//! How a task's events change it. Total: every variant, no checks; history is not judged twice.
//!
//! The time and the actor of the event at hand are in `updated_at` and `updated_by`: the fold
//! sets them first.

use super::{
    changes::Changes,
    command::{Origin, Parent},
    event::{Handoff, TaskEvent, Transition},
    state::{AcceptedLate, Claim, FollowUp, Hop, HopKind, LostClaim, Task},
    status::Status,
};
use crate::{AgentId, CompletionId, TaskId, Timestamp};

/// Lost claims that a task remembers: it must stay small.
const LOST_CLAIMS_MAX: usize = 100;

#[expect(clippy::too_many_lines, reason = "an arm for each event; there is nothing to split")]
pub(super) fn evolve(mut task: Task, event: TaskEvent) -> Task {
    let (at, by) = (task.updated_at, task.updated_by);
    // One change is one revision: these only accompany another event of the same command.
    let accompanies = matches!(
        event,
        TaskEvent::Assigned { .. }
            | TaskEvent::Delegated { kind: HopKind::Child, .. }
            | TaskEvent::LateCompletionAccepted { .. }
            | TaskEvent::Updated {
                transition: Some(Transition::Follows | Transition::RetriedWaiting),
                ..
            }
    );
    if !accompanies && !event.is_silent() {
        task.revision += 1;
    }
    match event {
        TaskEvent::Created { task_id, changes, parent, waits, origin } => {
            create(&mut task, task_id, parent, origin);
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
        TaskEvent::LeaseExtended { lease_expires_at } => {
            if let Some(claim) = &mut task.claim {
                claim.lease_expires_at = Some(lease_expires_at);
            }
        }
        TaskEvent::StateChanged { state, detail, previous: _ } => {
            if let Some(claim) = &mut task.claim {
                (claim.session_state, claim.detail) = (Some(state), detail);
            }
        }
        TaskEvent::Released { handoff } => release(&mut task, handoff),
        TaskEvent::CompletionLate { completion_id, claim_generation, .. } => {
            keep_late(&mut task, completion_id, claim_generation);
        }
        TaskEvent::LateCompletionAccepted { completion_id, agent_id } => {
            task.accepted_late = Some(AcceptedLate { id: completion_id, by: agent_id });
        }
        TaskEvent::Blocked { waits } => block(&mut task, waits),
        TaskEvent::Unblocked => {
            task.status = Status::Open;
            task.waits = false;
        }
        TaskEvent::Completed { changes, evidence } => {
            // What was finished late was said by who was late, not by who accepted it.
            let author = task.accepted_late.map(|accepted| accepted.by).or(by);
            finish(&mut task, Status::Completed, changes, author);
            task.completed_at = Some(at);
            task.completed_by = author;
            task.completion_evidence = evidence;
            leave(&mut task, None);
        }
        TaskEvent::Failed { changes } => finish(&mut task, Status::Failed, changes, by),
        TaskEvent::Cancelled { changes } => finish(&mut task, Status::Cancelled, changes, by),
        // The rest stays: a deleted task shows its last state (protocol 4.1).
        TaskEvent::Deleted => task.deleted = true,
        TaskEvent::ContextSuperseded { key } => {
            if let Some(last) = task.context_provenance.get_mut(&key) {
                last.superseded_at = Some(at);
            }
        }
        TaskEvent::Recurred { task_id, due_date } => {
            task.follow_up = Some(FollowUp { task_id, due_date });
        }
        TaskEvent::Reminded { reminder_time: _ } => task.reminder_sent = true,
        TaskEvent::Commented(commented) => commented.apply(&mut task, at),
        TaskEvent::CommentDeleted(gone) => gone.apply(&mut task),
        TaskEvent::Linked(linked) => linked.apply(&mut task, by, at),
        TaskEvent::LinkDeleted(gone) => gone.apply(&mut task),
        TaskEvent::SubtaskAdded(added) => added.apply(&mut task, at),
        TaskEvent::SubtaskUpdated(updated) => updated.apply(&mut task),
        TaskEvent::SubtaskDeleted(gone) => gone.apply(&mut task),
    }
    task
}

fn create(task: &mut Task, id: TaskId, parent: Option<Parent>, origin: Option<Origin>) {
    task.id = id;
    task.exists = true;
    task.created_at = task.updated_at;
    task.created_by = match origin {
        None => task.updated_by,
        Some(origin) => origin.created_by,
    };
    task.source_recurrence_id = origin.and_then(|origin| origin.recurrence_id);
    task.status = Status::Open;
    match parent {
        None => {
            task.root = id;
            task.accountable = task.created_by;
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
        drop_claim(task);
        if task.status != Status::Blocked {
            task.status = Status::Open;
        }
    }
    task.hops.push(hop);
}

fn block(task: &mut Task, waits: bool) {
    drop_claim(task);
    task.status = Status::Blocked;
    task.waits = waits;
}

fn finish(task: &mut Task, status: Status, changes: Changes, author: Option<AgentId>) {
    let at = task.updated_at;
    changes.apply(task, author, at);
    drop_claim(task);
    task.waits = false;
    task.status = status;
}

fn claim(task: &mut Task, lease_expires_at: Option<Timestamp>) {
    let (at, by) = (task.updated_at, task.updated_by);
    if let Some(former) = task.claim.take() {
        lose(task, &former);
    }
    task.status = Status::Claimed;
    task.claim = Some(Claim { by, at, lease_expires_at, session_state: None, detail: None });
    task.claim_generation += 1;
    task.holders.extend(by);
    task.started_at.get_or_insert(at);
}

/// The task is its own again. A claim on one that is delegated ends and changes no more.
fn release(task: &mut Task, handoff: Option<Handoff>) {
    task.release_count += 1;
    end_claim(task);
    if handoff.is_some() {
        leave(task, handoff);
    }
}

fn leave(task: &mut Task, handoff: Option<Handoff>) {
    let Handoff { note, by, state } =
        handoff.unwrap_or(Handoff { note: None, by: None, state: None });
    (task.handoff_note, task.handoff_by, task.handoff_state) = (note, by, state);
}

/// Ends the claim. Unless its holder did that, it has lost it.
fn drop_claim(task: &mut Task) {
    let ended = task.claim.take();
    if let Some(claim) = ended.filter(|claim| claim.by != task.updated_by) {
        lose(task, &claim);
    }
}

/// Notes that the task's present claim was lost.
fn lose(task: &mut Task, claim: &Claim) {
    let generation = task.claim_generation;
    let is_known = task.lost_claims.iter().any(|lost| lost.generation == generation);
    if let Some(by) = claim.by.filter(|_| !is_known) {
        task.lost_claims.push(LostClaim { generation, by, late: None });
    }
    let over = task.lost_claims.len().saturating_sub(LOST_CLAIMS_MAX);
    task.lost_claims.drain(..over);
}

fn keep_late(task: &mut Task, id: CompletionId, generation: i64) {
    // One that has lapsed, and that nobody else has taken yet.
    if let Some(claim) = task.claim.take_if(|_| generation == task.claim_generation) {
        lose(task, &claim);
        task.claim = Some(claim);
    }
    let lost = task.lost_claims.iter_mut().find(|lost| lost.generation == generation);
    if let Some(lost) = lost {
        lost.late = Some(id);
    }
}

fn end_claim(task: &mut Task) {
    drop_claim(task);
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
            task.accepted_late = None;
            task.completion_evidence = None;
        }
        Transition::Retried => {
            task.status = Status::Open;
            task.retry_count += 1;
        }
        Transition::RetriedWaiting => task.retry_count += 1,
        Transition::TakenBack => {
            task.status = Status::Open;
            drop_claim(task);
        }
        Transition::Follows => (),
    }
}
