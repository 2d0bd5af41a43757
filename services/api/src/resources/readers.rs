//! Every reader of a body and of a query, in one place, for the fuzz targets and their tests.
//!
//! What a reader accepts must survive storage: an event made of it is read back as it was. It must
//! not answer a request.

use baton_commands::CreateProject;
use baton_domain::{
    ProjectId, RecurrenceId, TaskId, WebhookId,
    account::{AccountEvent, ProjectCreated, ProjectUpdated},
    id::{CommentId, LinkId, SubtaskId},
    recurrence::RecurrenceEvent,
    stored::Event,
    task::{
        self, Changes, Comment, Commented, Handoff, Linked, Session, SubtaskChanges,
        SubtaskUpdated, TaskEvent,
    },
    webhook::{WebhookEvent, WebhookFields},
};

use super::{
    agent_bodies::{AgentUpdate, NewAgent},
    annotation_bodies::{NewComment, NewLink, NewSubtask, SubtaskUpdate},
    as_of_query::AsOfQuery,
    audit::ExportQuery,
    claim_bodies::{ClaimRequest, Heartbeat, Release, SessionReport},
    context_bodies::{ContextPatch, Supersession},
    context_query::{ContextHistoryQuery, ContextQuery, ContextWriteQuery, RecallQuery},
    duplicate_bodies::DuplicateCheck,
    event_query::{EventQuery, EventStreamQuery, TaskEventsQuery, TaskWaitQuery},
    finish_bodies::{Cancellation, Completion, Failure},
    ledger::{ConsistencyQuery, InclusionQuery},
    project_bodies::{NewProject, ProjectUpdate},
    queue_bodies::NextClaim,
    recurrence_bodies::{NewRecurrence, RecurrenceUpdate},
    stats::FleetQuery,
    task_bodies::{BatchDeletion, Delegation, NewTask, TaskUpdate},
    task_query::TaskQuery,
    webhook_bodies::{NewWebhook, WebhookUpdate},
    webhooks::DeliveryWindow,
};
use crate::{
    body::{self, FromFields, NoFields},
    problem::Problem,
    query,
};

/// Reads the bytes as every kind of body; what the readers refuse them for.
pub(crate) fn read_bodies(bytes: &[u8]) -> Vec<Problem> {
    let outcomes = [
        read::<NoFields>(bytes),
        read::<NewTask>(bytes),
        read::<TaskUpdate>(bytes),
        read::<Delegation>(bytes),
        read::<BatchDeletion>(bytes),
        read::<DuplicateCheck>(bytes),
        read::<Completion>(bytes),
        read::<Failure>(bytes),
        read::<Cancellation>(bytes),
        read::<ClaimRequest>(bytes),
        read::<Heartbeat>(bytes),
        read::<SessionReport>(bytes),
        read::<Release>(bytes),
        read::<NextClaim>(bytes),
        read::<ContextPatch>(bytes),
        read::<Supersession>(bytes),
        read::<NewComment>(bytes),
        read::<NewSubtask>(bytes),
        read::<SubtaskUpdate>(bytes),
        read::<NewLink>(bytes),
        read::<NewProject>(bytes),
        read::<ProjectUpdate>(bytes),
        read::<NewRecurrence>(bytes),
        read::<RecurrenceUpdate>(bytes),
        read::<NewAgent>(bytes),
        read::<AgentUpdate>(bytes),
        read::<NewWebhook>(bytes),
        read::<WebhookUpdate>(bytes),
    ];
    outcomes.into_iter().filter_map(Result::err).collect()
}

/// Reads the pairs as every kind of query; what the readers refuse them for.
pub(crate) fn read_queries(pairs: &[(String, String)]) -> Vec<Problem> {
    let outcomes = [
        query::parse::<TaskQuery>(pairs.to_vec()).err(),
        query::parse::<AsOfQuery>(pairs.to_vec()).err(),
        query::parse::<EventQuery>(pairs.to_vec()).err(),
        query::parse::<EventStreamQuery>(pairs.to_vec()).err(),
        query::parse::<TaskEventsQuery>(pairs.to_vec()).err(),
        query::parse::<TaskWaitQuery>(pairs.to_vec()).err(),
        query::parse::<DeliveryWindow>(pairs.to_vec()).err(),
        query::parse::<ContextQuery>(pairs.to_vec()).err(),
        query::parse::<ContextWriteQuery>(pairs.to_vec()).err(),
        query::parse::<ContextHistoryQuery>(pairs.to_vec()).err(),
        query::parse::<RecallQuery>(pairs.to_vec()).err(),
        query::parse::<FleetQuery>(pairs.to_vec()).err(),
        query::parse::<ExportQuery>(pairs.to_vec()).err(),
        query::parse::<InclusionQuery>(pairs.to_vec()).err(),
        query::parse::<ConsistencyQuery>(pairs.to_vec()).err(),
    ];
    outcomes.into_iter().flatten().collect()
}

fn read<T: FromFields + Storable>(bytes: &[u8]) -> Result<(), Problem> {
    let accepted = body::parse::<T>(bytes)?;
    let again = body::parse::<T>(bytes)?;
    assert_eq!(accepted.digest, again.digest, "one body has one digest");
    accepted.value.store();
    Ok(())
}

/// What was accepted, as part of an event.
trait Storable {
    /// Stores it and reads it back; panics where that changes it.
    fn store(self);
}

impl Storable for NoFields {
    fn store(self) {}
}

impl Storable for NewAgent {
    fn store(self) {}
}

impl Storable for AgentUpdate {
    fn store(self) {}
}

impl Storable for NextClaim {
    fn store(self) {}
}

impl Storable for BatchDeletion {
    fn store(self) {
        assert!(!self.ids.is_empty(), "a deletion names what to delete");
    }
}

impl Storable for DuplicateCheck {
    fn store(self) {
        assert!((0.0..=1.0).contains(&self.threshold), "a threshold has its bounds");
    }
}

impl Storable for NewComment {
    fn store(self) {
        let Self { content, author } = self;
        let comment = Comment { id: CommentId::default(), content, author };
        store_and_read(TaskEvent::Commented(Commented { comment }));
    }
}

impl Storable for NewSubtask {
    fn store(self) {
        let (content, completed) = (Some(self.content), Some(self.completed));
        SubtaskUpdate(SubtaskChanges { content, completed, sort_order: None }).store();
    }
}

impl Storable for SubtaskUpdate {
    fn store(self) {
        let (subtask_id, changes) = (SubtaskId::default(), self.0);
        store_and_read(TaskEvent::SubtaskUpdated(SubtaskUpdated { subtask_id, changes }));
    }
}

impl Storable for NewLink {
    fn store(self) {
        let Self { kind, reference, repo, url } = self;
        let link = task::NewLink { id: LinkId::default(), kind, reference, repo, url };
        store_and_read(TaskEvent::Linked(Linked { link }));
    }
}

impl Storable for NewProject {
    fn store(self) {
        let CreateProject { name, emoji, color, sort_order, .. } = self.0;
        let project_id = ProjectId::default();
        let created = ProjectCreated { project_id, name, emoji, color, sort_order };
        store_and_read(AccountEvent::ProjectCreated(created));
    }
}

impl Storable for ProjectUpdate {
    fn store(self) {
        let (project_id, changes) = (ProjectId::default(), self.0);
        store_and_read(AccountEvent::ProjectUpdated(ProjectUpdated { project_id, changes }));
    }
}

impl Storable for NewRecurrence {
    fn store(self) {
        let (recurrence_id, fields) = (RecurrenceId::default(), self.0.fields);
        store_and_read(RecurrenceEvent::Created { recurrence_id, fields });
    }
}

impl Storable for RecurrenceUpdate {
    fn store(self) {
        store_and_read(RecurrenceEvent::Updated { fields: self.fields });
    }
}

impl Storable for NewTask {
    fn store(self) {
        let (task_id, parent, waits, origin) = (TaskId::default(), None, false, None);
        let created = TaskEvent::Created { task_id, changes: self.changes, parent, waits, origin };
        store_and_read(created);
    }
}

impl Storable for Delegation {
    fn store(self) {
        match self {
            Self::Child(task) => task.store(),
            Self::HandOver { to: _, changes } => store_changes(*changes),
        }
    }
}

impl Storable for TaskUpdate {
    fn store(self) {
        let evidence = self.update.evidence;
        store_and_read(TaskEvent::Completed { changes: self.update.changes, evidence });
    }
}

impl Storable for Completion {
    fn store(self) {
        let evidence = self.0.evidence;
        store_and_read(TaskEvent::Completed { changes: self.0.changes, evidence });
    }
}

impl Storable for Failure {
    fn store(self) {
        store_changes(self.0.changes);
    }
}

impl Storable for Cancellation {
    fn store(self) {
        store_changes(self.0.changes);
    }
}

impl Storable for ClaimRequest {
    fn store(self) {
        assert!((30..=3_600).contains(&self.lease_seconds), "a lease has its bounds");
    }
}

impl Storable for Heartbeat {
    fn store(self) {
        assert!((30..=3_600).contains(&self.lease_seconds), "a lease has its bounds");
        self.session.into_iter().for_each(store_session);
    }
}

impl Storable for SessionReport {
    fn store(self) {
        store_session(self.session);
    }
}

impl Storable for Release {
    fn store(self) {
        let handoff = Handoff { note: self.handoff, by: None, state: None };
        store_and_read(TaskEvent::Released { handoff: Some(handoff) });
    }
}

impl Storable for ContextPatch {
    fn store(self) {
        store_changes(Changes { context: Some(self.0), ..Changes::default() });
    }
}

impl Storable for Supersession {
    fn store(self) {
        store_and_read(TaskEvent::ContextSuperseded { key: self.key });
    }
}

impl Storable for NewWebhook {
    fn store(self) {
        store_fields(self.fields, self.from_position);
    }
}

impl Storable for WebhookUpdate {
    fn store(self) {
        store_fields(self.fields, None);
    }
}

fn store_session(session: Session) {
    let Session { state, detail } = session;
    store_and_read(TaskEvent::StateChanged { state, detail, previous: None });
}

fn store_changes(changes: Changes) {
    store_and_read(TaskEvent::Updated { changes, transition: None });
}

fn store_fields(fields: WebhookFields, from_position: Option<i64>) {
    let webhook_id = WebhookId::default();
    store_and_read(WebhookEvent::Created { webhook_id, fields, from_position });
}

fn store_and_read<E: Event + PartialEq + std::fmt::Debug>(event: E) {
    let stored = event.encode();
    assert!(!stored.payload.contains("\\u0000"), "the database refuses U+0000");
    let read = E::decode(stored.event_type, stored.schema_version, &stored.payload);
    assert_eq!(read.expect("what is stored can be read"), event);
}

#[cfg(test)]
mod tests {
    /// A reader nobody lists here is not fuzzed.
    #[test]
    fn every_reader_of_a_resource_is_listed() {
        let own = include_str!("readers.rs");
        let sources = [
            include_str!("agent_bodies.rs"),
            include_str!("agents.rs"),
            include_str!("annotation_bodies.rs"),
            include_str!("annotations.rs"),
            include_str!("audit.rs"),
            include_str!("as_of_query.rs"),
            include_str!("claim_bodies.rs"),
            include_str!("claims.rs"),
            include_str!("context.rs"),
            include_str!("context_bodies.rs"),
            include_str!("context_query.rs"),
            include_str!("duplicate_bodies.rs"),
            include_str!("duplicates.rs"),
            include_str!("event_query.rs"),
            include_str!("events.rs"),
            include_str!("finish_bodies.rs"),
            include_str!("me.rs"),
            include_str!("project_bodies.rs"),
            include_str!("projects.rs"),
            include_str!("recurrence_bodies.rs"),
            include_str!("recurrences.rs"),
            include_str!("stats.rs"),
            include_str!("task_bodies.rs"),
            include_str!("task_events.rs"),
            include_str!("task_query.rs"),
            include_str!("task_reads.rs"),
            include_str!("task_writes.rs"),
            include_str!("webhook_bodies.rs"),
            include_str!("webhooks.rs"),
        ];
        let names = |marker: &'static str| {
            let after = sources.iter().flat_map(move |text| text.split(marker).skip(1));
            after.filter_map(|text| text.split_whitespace().next())
        };
        let (bodies, queries) = (names("impl FromFields for "), names("impl FromParams for "));
        let mut listed = 0;
        for name in bodies {
            assert!(own.contains(&format!("read::<{name}>(bytes)")), "{name}");
            listed += 1;
        }
        for name in queries {
            assert!(own.contains(&format!("query::parse::<{name}>(")), "{name}");
            listed += 1;
        }
        assert!(listed >= 17, "{listed}");
    }
}
