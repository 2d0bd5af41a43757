//! Work that was finished after its claim was lost: kept beside the refusal, and accepted by
//! those whose task it is (protocol 1.4).
//!
//! What a late completion is and who may accept it says the domain. Must not complete a task in
//! the name of somebody whom the log does not name.

use baton_domain::{
    Actor, CompletionId,
    stored::Event as _,
    task::{
        Fence, Finish, LateCompletion, Status, Task, TaskCommand, TaskEvent, TaskRefusal, Tasks,
    },
};
use baton_history::{FoldError, Versioned};
use baton_log::{EventFilter, PAGE_EVENTS_MAX, RecordedEvent, Scope, StreamId};
use esrs::Aggregate as _;
use uuid::Uuid;

use crate::{
    attempt::Attempt,
    error::CommandError,
    execute::{Answer, Commands, Context},
    plan::{Change, Command, Plan},
    recurring,
    tasks::TaskAction,
};

/// What is asked for where it is not there.
const WHAT: &str = "Late completion";

/// Complete a task with what somebody had finished who had lost its claim.
#[derive(Debug, Clone)]
pub struct AcceptLateCompletion {
    /// The task's id as the client gave it.
    pub task: String,
    /// The late completion's id as the client gave it.
    pub completion: String,
}

impl Commands {
    /// Completes a task with what somebody had finished too late, in that agent's name.
    ///
    /// # Errors
    /// [`CommandError`]: no such completion, no right to accept it, or the task refuses.
    pub async fn accept_late_completion(
        &self,
        context: &Context,
        command: AcceptLateCompletion,
    ) -> Result<Answer<Task>, CommandError> {
        self.execute(context, command).await
    }
}

impl Command for AcceptLateCompletion {
    type State = Task;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Task>, CommandError> {
        let (stream, before) = attempt.readable_task(&self.task, "Task").await?;
        let id = self.completion.parse().map_err(|_| CommandError::NotFound { what: WHAT })?;
        let late = kept(attempt, &stream, id).await?;
        let order = attempt.order(TaskCommand::AcceptLate(Box::new(late)));
        let events = Tasks::handle_command(&before.state, order)?;
        let plan = recurring::followed_up(attempt, Change { stream, before, events })?;
        Ok(Plan { cause: Some(id.0), ..plan })
    }
}

/// The late completion as the task's stream has it. What is recorded does not change: it needs no
/// guard.
async fn kept(
    attempt: &Attempt<'_>,
    stream: &StreamId,
    id: CompletionId,
) -> Result<LateCompletion, CommandError> {
    let types = vec!["task.completion_late".to_owned()];
    let filter = EventFilter { types, ..EventFilter::default() };
    let scope = Scope::Stream(stream.clone());
    let mut after = 0;
    loop {
        let page = attempt.log().page(&scope, after, &filter, PAGE_EVENTS_MAX).await?;
        if let Some(event) = page.events.iter().find(|event| event.event_id == id.0) {
            return decoded(event);
        }
        if page.to >= page.head || page.to <= after {
            return Err(CommandError::NotFound { what: WHAT });
        }
        after = page.to;
    }
}

fn decoded(event: &RecordedEvent) -> Result<LateCompletion, CommandError> {
    let RecordedEvent { event_type, schema_version, payload, position, .. } = event;
    let read = TaskEvent::decode(event_type, *schema_version, payload)
        .map_err(|cause| FoldError::Decode { position: *position, cause })?;
    let actor = event.actor.parse().ok().and_then(|actor: Actor| actor.agent());
    match (read, actor) {
        (TaskEvent::CompletionLate { completion_id, changes, evidence, .. }, Some(by)) => {
            Ok(LateCompletion { id: completion_id, by, changes, evidence })
        }
        _ => Err(CommandError::NotFound { what: WHAT }),
    }
}

/// What the action completes the task with, if it does, and in which belief.
fn completion(action: &TaskAction) -> Option<Fence> {
    match action {
        TaskAction::Tell(TaskCommand::Complete(finish)) => Some(finish.fence),
        TaskAction::Update { update, .. }
            if update.status == Some(Status::Completed) || update.completed == Some(true) =>
        {
            Some(update.fence)
        }
        _ => None,
    }
}

/// The plan to keep what the action says, if it would complete the task for somebody who has lost
/// its claim and is to be refused for it. Creator, assignee and admins complete a task without a
/// claim; but the claim that somebody names must be the task's.
pub(crate) fn instead(
    attempt: &Attempt<'_>,
    (stream, before): (&StreamId, &Versioned<Task>),
    action: &TaskAction,
) -> Option<Result<Plan<Task>, CommandError>> {
    let fence = completion(action)?;
    let task = &before.state;
    let is_stale = fence.claim_generation.is_some_and(|it| it != task.claim_generation);
    if !is_stale && task.is_writable_by(&attempt.standing, attempt.at) {
        return None;
    }
    let agent = attempt.standing.agent()?;
    let lost = task.lost_claim(agent, fence.claim_generation, attempt.at)?;
    let refusal = refusal(task, fence);
    if let Some(id) = lost.late {
        return Some(Err(CommandError::late(refusal, id, lost.generation)));
    }
    let id = CompletionId(Uuid::now_v7());
    let finish = Box::new(said(action, fence));
    let order = attempt.order(TaskCommand::KeepLate { id, finish });
    let events = match Tasks::handle_command(task, order) {
        Ok(events) => events,
        Err(refusal) => return Some(Err(refusal.into())),
    };
    let change = Change { stream: stream.clone(), before: before.clone(), events };
    let refusal = Some(CommandError::late(refusal, id, lost.generation));
    Some(Ok(Plan { refusal, ..Plan::new(change) }))
}

/// Whoever named the claim is told that it is lost; others what everybody is told who may not
/// write the task.
fn refusal(task: &Task, fence: Fence) -> CommandError {
    let actual = task.claim_generation;
    match fence.claim_generation {
        None => CommandError::NotWritable,
        Some(expected) if expected != actual => {
            TaskRefusal::Fence { field: "claim_generation", expected, actual }.into()
        }
        Some(_) => {
            let claim = task.claim.as_ref();
            let by = claim.and_then(|claim| claim.by);
            let lease_expires_at = claim.and_then(|claim| claim.lease_expires_at);
            TaskRefusal::NotHolder { by, lease_expires_at }.into()
        }
    }
}

fn said(action: &TaskAction, fence: Fence) -> Finish {
    match action {
        TaskAction::Tell(TaskCommand::Complete(finish)) => (**finish).clone(),
        TaskAction::Update { update, .. } => {
            let (changes, evidence) = (update.changes.clone(), update.evidence.clone());
            Finish { changes, evidence, fence }
        }
        _ => Finish { fence, ..Finish::default() },
    }
}
