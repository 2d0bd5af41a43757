//! The body of a delivery (protocol 4.1, 4.2), made once: every attempt sends the same bytes.

use baton_domain::stored::Event as _;
use baton_domain::task::{
    CommentDocument, HopKind, LinkDocument, SessionState, TaskDocument, TaskEvent, Transition,
};
use baton_domain::{AgentId, DecodeError, Timestamp};
use baton_history::{ActorDocument, Subject};
use baton_log::RecordedEvent;
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// Room for what a body has beside its task: mostly enough, so that it is made in one piece.
const BESIDE_TASK_BYTES: usize = 384;

/// All that the bodies of one event have in common.
#[derive(Debug)]
pub(crate) struct Content {
    event: String,
    timestamp: Timestamp,
    /// The task, rendered once for all endpoints.
    task: Box<RawValue>,
    agent: Option<Agent>,
    members: Members,
}

#[derive(Debug, Clone, Serialize)]
struct Agent {
    id: AgentId,
    name: String,
    display_name: Option<String>,
}

/// Members that only some events have (protocol 4.1).
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Members {
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_agent_id: Option<Option<AgentId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<HopKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_state: Option<Option<SessionState>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<CommentDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<LinkDocument>,
}

#[derive(Serialize)]
struct Body<'a> {
    event: &'a str,
    timestamp: Timestamp,
    id: Uuid,
    task: &'a RawValue,
    agent: &'a Option<Agent>,
    #[serde(flatten)]
    members: &'a Members,
}

/// Why an event has no body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("cannot decode the event")]
    Decode(#[from] DecodeError),
    #[error("cannot render the event's task")]
    Render(#[from] serde_json::Error),
}

impl Content {
    /// What an event about a task tells; `subject` is the event's.
    pub(crate) fn new(
        event: &RecordedEvent,
        subject: &Subject,
        task: &TaskDocument,
    ) -> Result<Self, BodyError> {
        Ok(Self {
            event: event.event_type.clone(),
            timestamp: event.recorded_at.into(),
            task: serde_json::value::to_raw_value(task)?,
            agent: subject.actor_document().map(|ActorDocument { id, name, display_name }| Agent {
                id,
                name,
                display_name,
            }),
            members: members(event, subject)?,
        })
    }

    /// The body of one delivery.
    pub(crate) fn body(&self, id: Uuid) -> Result<Bytes, BodyError> {
        let body = Body {
            event: &self.event,
            timestamp: self.timestamp,
            id,
            task: &self.task,
            agent: &self.agent,
            members: &self.members,
        };
        let mut bytes = Vec::with_capacity(self.task.get().len() + BESIDE_TASK_BYTES);
        serde_json::to_writer(&mut bytes, &body)?;
        Ok(bytes.into())
    }
}

fn members(event: &RecordedEvent, subject: &Subject) -> Result<Members, DecodeError> {
    let decoded = TaskEvent::decode(&event.event_type, event.schema_version, &event.payload)?;
    let name = |agent: Option<AgentId>| subject.account.name_of(agent?).map(str::to_owned);
    let (by, at) = (subject.actor.agent(), event.recorded_at.into());
    let task = event.stream.id.parse().unwrap_or_default(); // the stream's id is its task's
    let none = Members::default();
    Ok(match decoded {
        TaskEvent::Updated { changes, transition } => {
            let mut changed = changes.names();
            if transition.is_some_and(|transition| transition != Transition::Follows) {
                changed.push("status");
            }
            Members { changed: Some(changed), ..none }
        }
        TaskEvent::Assigned { previous, .. } => {
            Members { previous_agent_id: Some(previous), ..none }
        }
        TaskEvent::Delegated { from, to, kind, .. } => {
            Members { from: Some(name(from)), to: Some(name(to)), kind: Some(kind), ..none }
        }
        TaskEvent::StateChanged { previous, .. } => {
            Members { previous_state: Some(previous), ..none }
        }
        TaskEvent::Commented(commented) => {
            Members { comment: Some(commented.comment.document(task, by, at)), ..none }
        }
        TaskEvent::Linked(linked) => {
            Members { link: Some(linked.link.made(by, at).document(task)), ..none }
        }
        TaskEvent::Created { .. }
        | TaskEvent::ChildDelegated { .. }
        | TaskEvent::Claimed { .. }
        | TaskEvent::LeaseExtended { .. }
        | TaskEvent::Released { .. }
        | TaskEvent::CompletionLate { .. }
        | TaskEvent::LateCompletionAccepted { .. }
        | TaskEvent::Blocked { .. }
        | TaskEvent::Unblocked
        | TaskEvent::Completed { .. }
        | TaskEvent::Failed { .. }
        | TaskEvent::Cancelled { .. }
        | TaskEvent::ContextSuperseded { .. }
        | TaskEvent::Recurred { .. }
        | TaskEvent::Reminded { .. }
        | TaskEvent::CommentDeleted(_)
        | TaskEvent::LinkDeleted(_)
        | TaskEvent::SubtaskAdded(_)
        | TaskEvent::SubtaskUpdated(_)
        | TaskEvent::SubtaskDeleted(_)
        | TaskEvent::Deleted => none,
    })
}
