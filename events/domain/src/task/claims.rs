//! Rules about claims (protocol 1.4): who may take a task, what its holder may say, how it gives
//! the task back, and what becomes of work that was finished after the claim was lost.
//!
//! Leases are judged by the time of the order; nothing here reads a clock. Must not say who may
//! read or write a task: `rights.rs` does.

use super::{
    command::{Fence, Finish, LateCompletion, Session, TaskRefusal},
    decide::{self, Decision},
    event::{Handoff, TaskEvent},
    state::{Claim, LostClaim, Task},
    status::Status,
};
use crate::{AgentId, CompletionId, Right, Standing, Timestamp};

/// What is refused to those who ask for a task that stands otherwise, as a participle.
pub const CLAIMED: &str = "claimed";

/// By an agent that asks for this task.
pub(super) fn claim(task: &Task, (by, at): (&Standing, Timestamp), lease_seconds: i64) -> Decision {
    let agent = by.agent().ok_or(TaskRefusal::NoAgent)?;
    if task.status.is_finished() || task.status == Status::Blocked {
        return Err(decide::refused(task, CLAIMED));
    }
    let lease_expires_at = lease_end(task, at, lease_seconds);
    match task.live_claim(at) {
        Some(held) if held.by != Some(agent) => Err(held_already(held)),
        Some(_) if task.status == Status::Claimed => {
            Ok(vec![TaskEvent::LeaseExtended { lease_expires_at }])
        }
        Some(_) | None if task.assigned_to.is_some_and(|to| to != agent) => {
            Err(TaskRefusal::AssignedToAnother)
        }
        Some(_) | None => Ok(vec![TaskEvent::Claimed { lease_expires_at: Some(lease_expires_at) }]),
    }
}

/// By an agent that asked for any task and is offered this one.
pub(super) fn claim_queued(
    task: &Task,
    (by, at): (&Standing, Timestamp),
    lease_seconds: i64,
) -> Decision {
    by.agent().ok_or(TaskRefusal::NoAgent)?;
    if let Some(held) = task.live_claim(at) {
        return Err(held_already(held));
    }
    match task.is_queued_for(by, at) {
        true => {
            let lease_expires_at = Some(lease_end(task, at, lease_seconds));
            Ok(vec![TaskEvent::Claimed { lease_expires_at }])
        }
        false => Err(TaskRefusal::NotQueued),
    }
}

/// A sign of life: the lease begins anew, also one that had no end.
pub(super) fn heartbeat(
    task: &Task,
    (by, at): (&Standing, Timestamp),
    lease_seconds: i64,
    session: Option<Session>,
    claim_generation: Option<i64>,
) -> Decision {
    let claim = held(task, (by, at), claim_generation)?;
    let lease_expires_at = lease_end(task, at, lease_seconds);
    let mut events = vec![TaskEvent::LeaseExtended { lease_expires_at }];
    events.extend(session.and_then(|session| changed(claim, session)));
    Ok(events)
}

/// What the holder does; the lease stays as it is.
pub(super) fn set_state(
    task: &Task,
    (by, at): (&Standing, Timestamp),
    session: Session,
    claim_generation: Option<i64>,
) -> Decision {
    let claim = held(task, (by, at), claim_generation)?;
    Ok(changed(claim, session).into_iter().collect())
}

/// Given back by its holder, whether its lease has run out or not, or by an admin.
pub(super) fn release(
    task: &Task,
    by: &Standing,
    handoff: Option<String>,
    claim_generation: Option<i64>,
) -> Decision {
    let claim = task.claim.as_ref().ok_or(TaskRefusal::NotClaimed)?;
    let is_holder = by.agent().is_some() && claim.by == by.agent();
    if !is_holder && !by.may(Right::WriteAllTasks) {
        return Err(TaskRefusal::NotReleasable);
    }
    decide::check_fence(task, Fence { claim_generation, ..Fence::default() })?;
    Ok(vec![released(task, by, handoff)])
}

/// The end of a claim that is given back. Words of the holder's own are left where nobody else
/// has any.
pub(super) fn released(task: &Task, by: &Standing, words: Option<String>) -> TaskEvent {
    let claim = task.claim.as_ref();
    let holder = claim.and_then(|claim| claim.by);
    let left_by = if words.is_some() { by.agent() } else { holder };
    let note = words.or_else(|| claim.and_then(|claim| claim.detail.clone()));
    let state = claim.and_then(|claim| claim.session_state);
    TaskEvent::Released { handoff: Some(Handoff { note, by: left_by, state }) }
}

/// What somebody had finished who had lost its claim. The first word of each claim counts.
pub(super) fn keep_late(
    task: &Task,
    (by, at): (&Standing, Timestamp),
    id: CompletionId,
    finish: Finish,
) -> Decision {
    let Finish { changes, evidence, fence } = finish;
    let agent = by.agent().ok_or(TaskRefusal::NoAgent)?;
    let lost = task.lost_claim(agent, fence.claim_generation, at);
    let lost = lost.ok_or_else(|| not_holder(task))?;
    if lost.late.is_some() {
        return Ok(vec![]);
    }
    decide::check_sizes(&Task::default(), &changes)?;
    let claim_generation = lost.generation;
    Ok(vec![TaskEvent::CompletionLate { completion_id: id, claim_generation, changes, evidence }])
}

/// Completes the task as the late holder would have, in its name.
pub(super) fn accept_late(task: &Task, by: &Standing, late: LateCompletion) -> Decision {
    let is_theirs = |agent| [task.created_by, task.assigned_to].contains(&Some(agent));
    if !by.may(Right::WriteAllTasks) && !by.agent().is_some_and(is_theirs) {
        return Err(TaskRefusal::NotAcceptable);
    }
    let LateCompletion { id, by: holder, changes, evidence } = late;
    if task.status == Status::Completed {
        return match task.accepted_late.is_some_and(|accepted| accepted.id == id) {
            true => Ok(vec![]),
            false => Err(decide::refused(task, "completed again")),
        };
    }
    let completed = decide::complete(task, Finish { changes, evidence, fence: Fence::default() })?;
    let accepted = TaskEvent::LateCompletionAccepted { completion_id: id, agent_id: holder };
    Ok([vec![accepted], completed].concat())
}

impl Task {
    /// The claim that the agent lost, or that has lapsed: the one it names, or else its last.
    #[must_use]
    pub fn lost_claim(
        &self,
        agent: AgentId,
        generation: Option<i64>,
        now: Timestamp,
    ) -> Option<LostClaim> {
        let theirs = || self.lost_claims.iter().filter(|lost| lost.by == agent).copied();
        let lapsed = self.claim.as_ref().filter(|claim| claim.by == Some(agent));
        let lapsed = lapsed.filter(|claim| !claim.is_live(now));
        let lapsed =
            lapsed.map(|_| LostClaim { generation: self.claim_generation, by: agent, late: None });
        let last = || lapsed.into_iter().chain(theirs()).map(|lost| lost.generation).max();
        let generation = generation.or_else(last)?;
        theirs().chain(lapsed).find(|lost| lost.generation == generation)
    }
}

/// The claim that the sender holds and whose lease has not run out.
fn held<'t>(
    task: &'t Task,
    (by, at): (&Standing, Timestamp),
    claim_generation: Option<i64>,
) -> Result<&'t Claim, TaskRefusal> {
    let agent = by.agent().ok_or(TaskRefusal::NoAgent)?;
    decide::check_fence(task, Fence { claim_generation, ..Fence::default() })?;
    let held = task.live_claim(at).filter(|claim| claim.by == Some(agent));
    held.ok_or_else(|| not_holder(task))
}

fn not_holder(task: &Task) -> TaskRefusal {
    let claim = task.claim.as_ref();
    TaskRefusal::NotHolder {
        by: claim.and_then(|claim| claim.by),
        lease_expires_at: claim.and_then(|claim| claim.lease_expires_at),
    }
}

fn held_already(claim: &Claim) -> TaskRefusal {
    TaskRefusal::Held { by: claim.by, lease_expires_at: claim.lease_expires_at }
}

fn changed(claim: &Claim, session: Session) -> Option<TaskEvent> {
    let Session { state, detail } = session;
    let previous = claim.session_state;
    let is_news = previous != Some(state) || claim.detail != detail;
    is_news.then_some(TaskEvent::StateChanged { state, detail, previous })
}

/// A lease never ends before it began, however slow the clock of this node is.
fn lease_end(task: &Task, at: Timestamp, lease_seconds: i64) -> Timestamp {
    let begin = at.max(task.updated_at);
    let end = Timestamp::from_millis(begin.as_millis().saturating_add(lease_seconds * 1_000));
    end.unwrap_or(begin)
}

#[cfg(test)]
#[path = "claims_tests.rs"]
mod tests;
