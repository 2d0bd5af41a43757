//! The task's rules: the table of protocol 0.5 and the lists of 1.2 and 1.3.
//!
//! Who may give a command at all is decided before, by the rights of `super::rights`.

use super::{
    annotation,
    changes::Changes,
    claims,
    command::{ChainPlace, Dependencies, Draft, Fence, Finish, TaskCommand, TaskRefusal, Update},
    context::{self, CONTEXT_KEYS_MAX},
    event::{TaskEvent, Transition},
    fold, recurring,
    state::{EvidenceItem, EvidencePolicy, HopKind, Task},
    status::Status,
};
use crate::{AgentId, Envelope, Order, Right, Standing, TaskId, Timestamp, json};

/// Bytes of the compact JSON text of `metadata`, of `context`, merged (protocol 0.10), of
/// `requirements` and of the texts of `notes`: a task must fit a message.
pub const OBJECT_BYTES_MAX: usize = 262_144;
/// Notes a task may hold: they are part of every copy of it.
pub(super) const NOTES_MAX: usize = 1_000;
/// Times a task may be handed over: a loop between agents ends here at the latest.
pub(super) const HOPS_MAX: usize = 1_000;
/// Steps a task may be from its root: a loop of delegations ends here at the latest.
pub(super) const DELEGATION_DEPTH_MAX: u32 = 100;
const PRIORITY_DEFAULT: u8 = 2;
const MAX_RETRIES_DEFAULT: i64 = 2;

pub(super) type Decision = Result<Vec<TaskEvent>, TaskRefusal>;

pub(super) fn decide(task: &Task, order: Order<TaskCommand>) -> Decision {
    let Order { by, at, command } = order;
    match command {
        TaskCommand::Create(draft) => create(task, &by, *draft),
        _ if !task.is_alive() => Err(TaskRefusal::NotFound),
        TaskCommand::Update(update) => {
            check_place(task, update.place)?;
            self::update(task, &by, at, *update)
        }
        TaskCommand::HandOver { to, changes } => hand_over(task, &by, to, *changes),
        TaskCommand::AddChild { child } => add_child(task, child),
        TaskCommand::Complete(finish) => complete(task, *finish),
        TaskCommand::Uncomplete if task.status == Status::Completed => {
            reopen(task, &by, Dependencies::default())
        }
        TaskCommand::Uncomplete => Ok(vec![]),
        TaskCommand::Fail(finish) => fail(task, *finish),
        TaskCommand::Retry(dependencies) => reopen(task, &by, dependencies),
        TaskCommand::Cancel(finish) => cancel(task, *finish),
        TaskCommand::Delete => Ok(vec![TaskEvent::Deleted]),
        TaskCommand::MergeContext(merge) => context::merge(task, &by, *merge),
        TaskCommand::SupersedeContext { key } => context::supersede(task, key),
        TaskCommand::Annotate(annotation) => annotation::decide(task, *annotation),
        TaskCommand::Claim { lease_seconds } => claims::claim(task, (&by, at), lease_seconds),
        TaskCommand::ClaimQueued { lease_seconds } => {
            claims::claim_queued(task, (&by, at), lease_seconds)
        }
        TaskCommand::Heartbeat { lease_seconds, session, claim_generation } => {
            claims::heartbeat(task, (&by, at), lease_seconds, session, claim_generation)
        }
        TaskCommand::SetState { session, claim_generation } => {
            claims::set_state(task, (&by, at), session, claim_generation)
        }
        TaskCommand::Release { handoff, claim_generation } => {
            claims::release(task, &by, handoff, claim_generation)
        }
        TaskCommand::KeepLate { id, finish } => claims::keep_late(task, (&by, at), id, *finish),
        TaskCommand::AcceptLate(late) => claims::accept_late(task, &by, *late),
        TaskCommand::Recur { next } => recurring::recur(task, next),
        TaskCommand::Remind { reminder_time } => recurring::remind(task, reminder_time, at),
        TaskCommand::Reconsider { gone, dependencies } => reconsider(task, &gone, dependencies),
    }
}

fn create(task: &Task, by: &Standing, draft: Draft) -> Decision {
    if task.exists {
        return Err(TaskRefusal::AlreadyExists);
    }
    let Draft { id, mut changes, parent, dependencies, origin } = draft;
    changes.priority.get_or_insert(PRIORITY_DEFAULT);
    changes.max_retries.get_or_insert(MAX_RETRIES_DEFAULT);
    let changes = changes.only_new(task);
    check_sizes(task, &changes)?;
    let to = changes.assigned_to.flatten();
    let is_child = parent.is_some();
    let waits = dependencies.wait;
    let mut events = vec![TaskEvent::Created { task_id: id, changes, parent, waits, origin }];
    if is_child {
        let (from, kind) = (by.agent(), HopKind::Child);
        events.push(TaskEvent::Delegated { from, to, kind, changes: Changes::default() });
    }
    Ok(events)
}

fn add_child(task: &Task, child_id: TaskId) -> Decision {
    if task.status.is_finished() || task.status == Status::Blocked {
        return Err(refused(task, "delegated"));
    }
    if task.delegation_depth >= DELEGATION_DEPTH_MAX {
        let max = DELEGATION_DEPTH_MAX as usize;
        return Err(TaskRefusal::TooLarge { field: "delegation_depth", max, unit: "steps" });
    }
    Ok(vec![TaskEvent::ChildDelegated { child_id }])
}

fn hand_over(task: &Task, by: &Standing, to: AgentId, changes: Changes) -> Decision {
    if matches!(task.status, Status::Completed | Status::Cancelled) {
        return Err(refused(task, "handed over"));
    }
    if task.hops.len() >= HOPS_MAX {
        return Err(TaskRefusal::TooLarge { field: "chain", max: HOPS_MAX, unit: "hand-overs" });
    }
    let changes = changes.only_new(task);
    check_sizes(task, &changes)?;
    let from = by.agent().or(task.assigned_to);
    let previous = task.assigned_to;
    let (to, kind) = (Some(to), HopKind::Handover);
    let mut events = vec![TaskEvent::Delegated { from, to, kind, changes }];
    if to != previous {
        events.push(TaskEvent::Assigned { to, previous });
    }
    Ok(events)
}

fn update(task: &Task, by: &Standing, at: Timestamp, update: Update) -> Decision {
    let wanted = wanted_status(task, &update);
    let Update { changes, evidence, fence, dependencies, .. } = update;
    check_fence(task, fence)?;
    if evidence.is_some() && wanted != Some(Status::Completed) {
        return Err(TaskRefusal::EvidenceWithoutCompletion);
    }
    // A record sent back whole names its content too; the status it was read with is no wish.
    let is_whole = changes.content.is_some();
    let wanted = wanted.filter(|wanted| !is_whole || *wanted != task.status);
    let changes = changes.only_new(task);
    if changes.evidence_policy == Some(None) && !by.may(Right::LiftEvidencePolicy) {
        return Err(TaskRefusal::EvidencePolicyProtected);
    }
    check_sizes(task, &changes)?;
    let has_other_dependencies = changes.depends_on.is_some();
    if has_other_dependencies && dependencies.lead_back {
        return Err(TaskRefusal::DependencyCycle);
    }
    let mut events = Vec::new();
    // The status is decided on the task as it is after a change of assignee, which may end a claim.
    let mut task = task.clone();
    if let Some(to) = changes.assigned_to {
        let assigned = TaskEvent::Assigned { to, previous: task.assigned_to };
        events.push(assigned.clone());
        task = fold(task, &Envelope { at, actor: by.actor.clone() }, assigned);
    }
    // A claimed task may be asked for again: its holder may, others are refused.
    match wanted.filter(|wanted| *wanted != task.status || *wanted == Status::Claimed) {
        Some(Status::Completed) => {
            let fence = Fence::default(); // checked above, against the task as it was
            events.extend(complete(&task, Finish { changes, evidence, fence })?);
        }
        Some(Status::Failed) => {
            events.extend(fail(&task, Finish { changes, ..Finish::default() })?);
        }
        Some(Status::Cancelled) => {
            events.extend(cancel(&task, Finish { changes, ..Finish::default() })?);
        }
        // What it is to depend on is not done: it waits.
        Some(Status::Claimed | Status::Open) if has_other_dependencies && dependencies.wait => {
            return Err(TaskRefusal::Waits);
        }
        Some(Status::Blocked) if !task.status.is_finished() => {
            // By hand, and so theirs to open, unless it is for dependencies set along with it.
            let waits = has_other_dependencies && dependencies.wait;
            events.extend(with_changes(changes, vec![TaskEvent::Blocked { waits }]));
        }
        Some(status) => {
            let moved = change_status(&task, (by, at), status, dependencies)?;
            events.extend(with_changes(changes, moved));
        }
        None if has_other_dependencies => {
            let moved = wait_or_not(&task, dependencies).into_iter().collect();
            events.extend(with_changes(changes, moved));
        }
        None => events.extend(with_changes(changes, Vec::new())),
    }
    Ok(events)
}

/// The status that an update asks for: of its two words for it the one that is news.
fn wanted_status(task: &Task, update: &Update) -> Option<Status> {
    let by_flag = match update.completed {
        Some(true) => Some(Status::Completed),
        Some(false) if task.status == Status::Completed => Some(Status::Open),
        Some(false) | None => None,
    };
    let is_news = |status: &Status| *status != task.status;
    let news = update.status.filter(is_news).or(by_flag.filter(is_news));
    news.or(update.status).or(by_flag)
}

/// The events of a change of status that is no finish, together with other fields that change.
fn with_changes(changes: Changes, mut moved: Vec<TaskEvent>) -> Vec<TaskEvent> {
    if changes.is_empty() {
        return moved;
    }
    match moved.first_mut() {
        Some(TaskEvent::Updated { changes: with, .. }) => *with = changes,
        Some(_) => {
            let transition = Some(Transition::Follows);
            moved.insert(0, TaskEvent::Updated { changes, transition });
        }
        None => moved.push(TaskEvent::Updated { changes, transition: None }),
    }
    moved
}

/// A status set by hand to open, claimed, blocked or delegated (protocol 1.2, update fields).
fn change_status(
    task: &Task,
    (by, at): (&Standing, Timestamp),
    status: Status,
    dependencies: Dependencies,
) -> Decision {
    match status {
        Status::Open => reopen(task, by, dependencies),
        Status::Claimed => claim(task, by, at),
        Status::Blocked => Err(refused(task, "blocked")),
        Status::Delegated => Err(refused(task, "set delegated by hand; delegate it")),
        Status::Completed | Status::Failed | Status::Cancelled => Err(refused(task, "changed")),
    }
}

/// A claim without lease end, by an update.
fn claim(task: &Task, by: &Standing, at: Timestamp) -> Decision {
    if task.status.is_finished() || task.status == Status::Blocked {
        return Err(refused(task, "claimed"));
    }
    match task.live_claim(at) {
        Some(held) if held.by != by.agent() => {
            Err(TaskRefusal::Held { by: held.by, lease_expires_at: held.lease_expires_at })
        }
        // A plain update never changes the lease of a claim.
        Some(_) if task.status == Status::Claimed => Ok(vec![]),
        Some(_) | None => Ok(vec![TaskEvent::Claimed { lease_expires_at: None }]),
    }
}

/// What follows for a task's status when it depends on other tasks than before, or on tasks that
/// stand otherwise. What is finished stays so.
fn wait_or_not(task: &Task, dependencies: Dependencies) -> Option<TaskEvent> {
    match task.status {
        Status::Blocked if !dependencies.wait => Some(TaskEvent::Unblocked),
        // Blocked by hand until now.
        Status::Blocked => (!task.waits).then_some(TaskEvent::Blocked { waits: true }),
        Status::Open | Status::Claimed | Status::Delegated => {
            dependencies.wait.then_some(TaskEvent::Blocked { waits: true })
        }
        Status::Completed | Status::Failed | Status::Cancelled => None,
    }
}

/// A task that this one depends on was completed or deleted (protocol 1.2).
fn reconsider(task: &Task, gone: &[TaskId], dependencies: Dependencies) -> Decision {
    let left = task.depends_on.iter().copied().filter(|id| !gone.contains(id)).collect();
    let changes = Changes { depends_on: Some(left), ..Changes::default() }.only_new(task);
    // What somebody blocked by hand is theirs to open.
    let opens = task.status == Status::Blocked && task.waits && !dependencies.wait;
    let opens = opens.then_some(TaskEvent::Unblocked);
    Ok(with_changes(changes, opens.into_iter().collect()))
}

/// Column "reopen / retry" of protocol 0.5.
fn reopen(task: &Task, by: &Standing, dependencies: Dependencies) -> Decision {
    let updated = |transition| {
        let (changes, transition) = (Changes::default(), Some(transition));
        Ok(vec![TaskEvent::Updated { changes, transition }])
    };
    match task.status {
        Status::Open => Ok(vec![]),
        Status::Blocked if dependencies.wait => Err(TaskRefusal::Waits),
        Status::Blocked => Ok(vec![TaskEvent::Unblocked]),
        Status::Claimed => Ok(vec![claims::released(task, by, None)]),
        Status::Delegated => updated(Transition::TakenBack),
        Status::Completed => updated(Transition::Reopened),
        Status::Failed
            if task.retry_count >= task.max_retries && !by.may(Right::RetryWithoutLimit) =>
        {
            Err(TaskRefusal::RetriesUsed { max_retries: task.max_retries })
        }
        Status::Failed if dependencies.wait => {
            let mut events = updated(Transition::RetriedWaiting)?;
            events.push(TaskEvent::Blocked { waits: true });
            Ok(events)
        }
        Status::Failed => updated(Transition::Retried),
        Status::Cancelled => Err(refused(task, "reopened")),
    }
}

pub(super) fn complete(task: &Task, finish: Finish) -> Decision {
    let Finish { changes, evidence, fence } = finish;
    match task.status {
        Status::Completed => {
            // Asking again is harmless, also with the revision of before; but a holder whose
            // claim was lost is told so.
            let fence = Fence { expected_revision: None, ..fence };
            return check_fence(task, fence).map(|()| vec![]);
        }
        Status::Open | Status::Claimed | Status::Delegated => (),
        Status::Blocked | Status::Failed | Status::Cancelled => {
            return Err(refused(task, "completed"));
        }
    }
    check_fence(task, fence)?;
    let changes = changes.only_new(task);
    check_sizes(task, &changes)?;
    let policy = changes.evidence_policy.unwrap_or(task.evidence_policy);
    let is_strong = |item: &EvidenceItem| item.kind.is_strong();
    let is_proved = evidence.as_ref().is_some_and(|items| items.iter().any(is_strong));
    if policy == Some(EvidencePolicy::Required) && !is_proved {
        return Err(TaskRefusal::EvidenceMissing);
    }
    Ok(vec![TaskEvent::Completed { changes, evidence }])
}

fn fail(task: &Task, finish: Finish) -> Decision {
    match task.status {
        Status::Failed => return Ok(vec![]),
        Status::Completed | Status::Cancelled => return Err(refused(task, "failed")),
        Status::Open | Status::Blocked | Status::Claimed | Status::Delegated => (),
    }
    check_fence(task, finish.fence)?;
    let changes = finish.changes.only_new(task);
    check_sizes(task, &changes)?;
    Ok(vec![TaskEvent::Failed { changes }])
}

fn cancel(task: &Task, finish: Finish) -> Decision {
    match task.status {
        Status::Cancelled => return Ok(vec![]),
        Status::Completed => return Err(refused(task, "cancelled")),
        Status::Open | Status::Blocked | Status::Claimed | Status::Delegated | Status::Failed => (),
    }
    check_fence(task, finish.fence)?;
    let changes = finish.changes.only_new(task);
    check_sizes(task, &changes)?;
    Ok(vec![TaskEvent::Cancelled { changes }])
}

pub(super) fn refused(task: &Task, action: &'static str) -> TaskRefusal {
    TaskRefusal::Status { from: task.status, action }
}

pub(super) fn check_fence(task: &Task, fence: Fence) -> Result<(), TaskRefusal> {
    let fences = [
        ("expected_revision", fence.expected_revision, task.revision),
        ("claim_generation", fence.claim_generation, task.claim_generation),
    ];
    for (field, expected, actual) in fences {
        if let Some(expected) = expected.filter(|expected| *expected != actual) {
            return Err(TaskRefusal::Fence { field, expected, actual });
        }
    }
    Ok(())
}

/// A record may be sent back with its place in the chain; with any other it is refused.
fn check_place(task: &Task, place: ChainPlace) -> Result<(), TaskRefusal> {
    let (root, parent) = (Some(task.root), task.parent);
    let depth = Some(i64::from(task.delegation_depth));
    let fields = [
        ("root_task_id", place.root_task_id.is_none_or(|sent| sent == root)),
        ("parent_task_id", place.parent_task_id.is_none_or(|sent| sent == parent)),
        ("delegation_depth", place.delegation_depth.is_none_or(|sent| sent == depth)),
    ];
    match fields.into_iter().find(|(_, is_so)| !is_so) {
        Some((field, _)) => Err(TaskRefusal::ChainField { field }),
        None => Ok(()),
    }
}

/// What each write allows on its own must not add up to a task that no reader can carry.
pub(super) fn check_sizes(task: &Task, changes: &Changes) -> Result<(), TaskRefusal> {
    let (max, unit) = (OBJECT_BYTES_MAX, "bytes");
    if let Some(patch) = &changes.metadata {
        let mut merged = task.metadata.clone();
        json::merge_shallow(&mut merged, patch.clone());
        if json::size_bytes(&merged) > max {
            return Err(TaskRefusal::TooLarge { field: "metadata", max, unit });
        }
    }
    if let Some(patch) = &changes.context {
        let mut merged = task.context.clone();
        json::merge_deep(&mut merged, patch.clone());
        if json::size_bytes(&merged) > max {
            return Err(TaskRefusal::TooLarge { field: "context", max, unit });
        }
        let max = CONTEXT_KEYS_MAX;
        if merged.len() > max && merged.len() > task.context.len() {
            return Err(TaskRefusal::TooLarge { field: "context", max, unit: "keys" });
        }
    }
    if let Some(Some(requirements)) = &changes.requirements
        && json::size_bytes(requirements) > max
    {
        return Err(TaskRefusal::TooLarge { field: "requirements", max, unit });
    }
    check_notes(task, &changes.notes)
}

fn check_notes(task: &Task, new: &[String]) -> Result<(), TaskRefusal> {
    if new.is_empty() {
        return Ok(());
    }
    if task.notes.len() + new.len() > NOTES_MAX {
        return Err(TaskRefusal::TooLarge { field: "notes", max: NOTES_MAX, unit: "entries" });
    }
    let texts: Vec<&String> = task.notes.iter().map(|note| &note.text).chain(new).collect();
    if json::size_bytes(&texts) > OBJECT_BYTES_MAX {
        return Err(TaskRefusal::TooLarge { field: "notes", max: OBJECT_BYTES_MAX, unit: "bytes" });
    }
    Ok(())
}

#[cfg(test)]
#[path = "dependencies_tests.rs"]
mod dependencies_tests;
#[cfg(test)]
#[path = "fields_tests.rs"]
mod fields_tests;
#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
