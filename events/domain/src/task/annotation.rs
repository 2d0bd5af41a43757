//! What hangs on a task: comments, a check list of subtasks, and links to things outside
//! (protocol 1.6).
//!
//! Of comments a task knows only which there are: what they say is in their events, and for
//! readers in a read model. Subtasks and links are few, and part of the state. Must not: decide who
//! may add or remove what; the rights of `super::rights` do, before.

use serde::{Deserialize, Serialize};

use super::{
    command::TaskRefusal,
    decide::OBJECT_BYTES_MAX,
    event::TaskEvent,
    state::{Link, Subtask, Task},
};
use crate::{
    AgentId, TaskId, Timestamp,
    id::{CommentId, LinkId, SubtaskId},
    json,
};

/// Comments that a task may have.
pub const COMMENTS_MAX: usize = 1_000;
/// Subtasks that a task may have: they are part of every copy of it.
pub const SUBTASKS_MAX: usize = 200;
/// Links that a task may have: they are part of every copy of it.
pub const LINKS_MAX: usize = 200;

/// What a link points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// A branch.
    Branch,
    /// A commit.
    Commit,
    /// A pull request.
    Pr,
    /// Anything with an address.
    Url,
}

/// A comment. Who wrote it and when are in the envelope of its event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Its id.
    pub id: CommentId,
    /// What it says.
    pub content: String,
    /// Its author, in words.
    pub author: Option<String>,
}

/// A subtask to be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSubtask {
    /// Its id.
    pub id: SubtaskId,
    /// What is to be done.
    pub content: String,
    /// It is done.
    pub completed: bool,
    /// Its place in the list; the number of subtasks before it, whatever a command says.
    pub sort_order: i64,
}

/// Fields of a subtask to be set; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubtaskChanges {
    /// What is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// It is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<bool>,
    /// Its place in the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_order: Option<i64>,
}

/// A link to be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewLink {
    /// Its id.
    pub id: LinkId,
    /// What it points to.
    pub kind: LinkKind,
    /// Which of these: a branch's name, a commit's hash, a number, an address.
    #[serde(rename = "ref")]
    pub reference: String,
    /// In which repository.
    pub repo: Option<String>,
    /// Where it is.
    pub url: Option<String>,
}

/// What may be done to what hangs on a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Annotation {
    /// Write a comment.
    Comment(Comment),
    /// Delete one.
    DeleteComment(CommentId),
    /// Add a subtask.
    AddSubtask(NewSubtask),
    /// Change one.
    ChangeSubtask(SubtaskId, SubtaskChanges),
    /// Complete one, or uncomplete it if it was completed.
    ToggleSubtask(SubtaskId),
    /// Delete one.
    DeleteSubtask(SubtaskId),
    /// Add a link. An equal one that is there already will do.
    Link(NewLink),
    /// Delete one.
    DeleteLink(LinkId),
}

/// Payload of `task.commented`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commented {
    /// The comment.
    pub comment: Comment,
}

/// Payload of `task.comment_deleted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentDeleted {
    /// The comment.
    pub comment_id: CommentId,
}

/// Payload of `task.linked`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    /// The link.
    pub link: NewLink,
}

/// Payload of `task.link_deleted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkDeleted {
    /// The link.
    pub link_id: LinkId,
}

/// Payload of `task.subtask_added`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtaskAdded {
    /// The subtask.
    pub subtask: NewSubtask,
}

/// Payload of `task.subtask_updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtaskUpdated {
    /// The subtask.
    pub subtask_id: SubtaskId,
    /// What changed.
    pub changes: SubtaskChanges,
}

/// Payload of `task.subtask_deleted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtaskDeleted {
    /// The subtask.
    pub subtask_id: SubtaskId,
}

/// The events of an annotation, or why there are none.
pub(super) fn decide(task: &Task, annotation: Annotation) -> Result<Vec<TaskEvent>, TaskRefusal> {
    let event = match annotation {
        Annotation::Comment(comment) => {
            has_room("comments", task.comments.len(), COMMENTS_MAX)?;
            TaskEvent::Commented(Commented { comment })
        }
        Annotation::DeleteComment(comment_id) => {
            exists("Comment", task.comments.contains(&comment_id))?;
            TaskEvent::CommentDeleted(CommentDeleted { comment_id })
        }
        Annotation::AddSubtask(subtask) => {
            has_room("subtasks", task.subtasks.len(), SUBTASKS_MAX)?;
            let texts = task.subtasks.iter().map(|it| &it.content).chain([&subtask.content]);
            fits("subtasks", &texts.collect::<Vec<_>>())?;
            let sort_order = i64::try_from(task.subtasks.len()).unwrap_or(i64::MAX);
            TaskEvent::SubtaskAdded(SubtaskAdded { subtask: NewSubtask { sort_order, ..subtask } })
        }
        Annotation::ChangeSubtask(id, changes) => {
            return change_subtask(task, id, |_| changes);
        }
        Annotation::ToggleSubtask(id) => {
            let toggled =
                |it: &Subtask| SubtaskChanges { completed: Some(!it.completed), ..not_at_all() };
            return change_subtask(task, id, toggled);
        }
        Annotation::DeleteSubtask(subtask_id) => {
            exists("Subtask", task.subtask(subtask_id).is_some())?;
            TaskEvent::SubtaskDeleted(SubtaskDeleted { subtask_id })
        }
        Annotation::Link(link) => {
            if task.equal_link(&link).is_some() {
                return Ok(vec![]);
            }
            has_room("links", task.links.len(), LINKS_MAX)?;
            let texts = task.links.iter().map(|it| (&it.reference, &it.repo, &it.url));
            let texts = texts.chain([(&link.reference, &link.repo, &link.url)]);
            fits("links", &texts.collect::<Vec<_>>())?;
            TaskEvent::Linked(Linked { link })
        }
        Annotation::DeleteLink(link_id) => {
            exists("Link", task.link(link_id).is_some())?;
            TaskEvent::LinkDeleted(LinkDeleted { link_id })
        }
    };
    Ok(vec![event])
}

fn change_subtask(
    task: &Task,
    subtask_id: SubtaskId,
    changes: impl FnOnce(&Subtask) -> SubtaskChanges,
) -> Result<Vec<TaskEvent>, TaskRefusal> {
    let subtask = task.subtask(subtask_id).ok_or(TaskRefusal::NoSuch { what: "Subtask" })?;
    let SubtaskChanges { content, completed, sort_order } = changes(subtask);
    let changes = SubtaskChanges {
        content: content.filter(|content| *content != subtask.content),
        completed: completed.filter(|completed| *completed != subtask.completed),
        sort_order: sort_order.filter(|place| *place != subtask.sort_order),
    };
    if changes == not_at_all() {
        return Ok(vec![]);
    }
    if let Some(content) = &changes.content {
        let others = task.subtasks.iter().filter(|it| it.id != subtask_id);
        fits("subtasks", &others.map(|it| &it.content).chain([content]).collect::<Vec<_>>())?;
    }
    Ok(vec![TaskEvent::SubtaskUpdated(SubtaskUpdated { subtask_id, changes })])
}

fn not_at_all() -> SubtaskChanges {
    SubtaskChanges::default()
}

fn exists(what: &'static str, is_there: bool) -> Result<(), TaskRefusal> {
    if is_there { Ok(()) } else { Err(TaskRefusal::NoSuch { what }) }
}

fn has_room(field: &'static str, items: usize, max: usize) -> Result<(), TaskRefusal> {
    let unit = "entries";
    if items < max { Ok(()) } else { Err(TaskRefusal::TooLarge { field, max, unit }) }
}

/// What each entry allows on its own must not add up to a task that no reader can carry.
fn fits(field: &'static str, texts: &impl Serialize) -> Result<(), TaskRefusal> {
    let (max, unit) = (OBJECT_BYTES_MAX, "bytes");
    match json::size_bytes(texts) <= max {
        true => Ok(()),
        false => Err(TaskRefusal::TooLarge { field, max, unit }),
    }
}

impl Commented {
    pub(super) fn apply(self, task: &mut Task, at: Timestamp) {
        task.comments.push(self.comment.id);
        task.commented_at = Some(at);
    }
}

impl CommentDeleted {
    pub(super) fn apply(self, task: &mut Task) {
        task.comments.retain(|id| *id != self.comment_id);
    }
}

impl Linked {
    pub(super) fn apply(self, task: &mut Task, by: Option<AgentId>, at: Timestamp) {
        task.links.push(self.link.made(by, at));
    }
}

impl LinkDeleted {
    pub(super) fn apply(self, task: &mut Task) {
        task.links.retain(|link| link.id != self.link_id);
    }
}

impl SubtaskAdded {
    pub(super) fn apply(self, task: &mut Task, created_at: Timestamp) {
        let NewSubtask { id, content, completed, sort_order } = self.subtask;
        task.subtasks.push(Subtask { id, content, completed, sort_order, created_at });
    }
}

impl SubtaskUpdated {
    pub(super) fn apply(self, task: &mut Task) {
        let SubtaskChanges { content, completed, sort_order } = self.changes;
        for subtask in task.subtasks.iter_mut().filter(|it| it.id == self.subtask_id) {
            content.clone().into_iter().for_each(|content| subtask.content = content);
            completed.into_iter().for_each(|completed| subtask.completed = completed);
            sort_order.into_iter().for_each(|place| subtask.sort_order = place);
        }
    }
}

impl SubtaskDeleted {
    pub(super) fn apply(self, task: &mut Task) {
        task.subtasks.retain(|subtask| subtask.id != self.subtask_id);
    }
}

impl NewLink {
    /// The link as it stands in the task from then on.
    #[must_use]
    pub fn made(self, by: Option<AgentId>, at: Timestamp) -> Link {
        let Self { id, kind, reference, repo, url } = self;
        Link { id, kind, reference, repo, url, created_by: by, created_at: at }
    }
}

impl Task {
    /// The subtask with this id.
    #[must_use]
    pub fn subtask(&self, id: SubtaskId) -> Option<&Subtask> {
        self.subtasks.iter().find(|subtask| subtask.id == id)
    }

    /// The link with this id.
    #[must_use]
    pub fn link(&self, id: LinkId) -> Option<&Link> {
        self.links.iter().find(|link| link.id == id)
    }

    /// The link that points where this one does: to the same thing in the same repository.
    #[must_use]
    pub fn equal_link(&self, link: &NewLink) -> Option<&Link> {
        let place = |kind, repo, reference| (kind, repo, reference);
        let wanted = place(link.kind, &link.repo, &link.reference);
        self.links.iter().find(|it| place(it.kind, &it.repo, &it.reference) == wanted)
    }

    /// Its subtasks as clients see them, by their place in the list.
    #[must_use]
    pub fn subtask_documents(&self) -> Vec<SubtaskDocument> {
        let mut subtasks: Vec<&Subtask> = self.subtasks.iter().collect();
        // Stable: those in the same place stay in the order in which they were added.
        subtasks.sort_by_key(|subtask| subtask.sort_order);
        subtasks.into_iter().map(|subtask| subtask.document(self.id)).collect()
    }

    /// Its links as clients see them, oldest first.
    #[must_use]
    pub fn link_documents(&self) -> Vec<LinkDocument> {
        self.links.iter().map(|link| link.document(self.id)).collect()
    }
}

/// A comment as clients see it (protocol 2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "protocol 2.2 describes each; the OpenAPI document repeats it")]
pub struct CommentDocument {
    pub id: CommentId,
    pub task_id: TaskId,
    pub content: String,
    pub author: Option<String>,
    pub author_agent_id: Option<AgentId>,
    pub created_at: Timestamp,
}

/// A subtask as clients see it (protocol 2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "protocol 2.2 describes each; the OpenAPI document repeats it")]
pub struct SubtaskDocument {
    pub id: SubtaskId,
    pub task_id: TaskId,
    pub content: String,
    pub completed: bool,
    pub sort_order: i64,
    pub created_at: Timestamp,
}

/// A link as clients see it (protocol 2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "protocol 2.2 describes each; the OpenAPI document repeats it")]
pub struct LinkDocument {
    pub id: LinkId,
    pub task_id: TaskId,
    pub kind: LinkKind,
    pub repo: Option<String>,
    #[serde(rename = "ref")]
    pub reference: String,
    pub url: Option<String>,
    pub created_by_agent_id: Option<AgentId>,
    pub created_at: Timestamp,
}

impl Comment {
    /// The comment as clients see it, written by that agent then.
    #[must_use]
    pub fn document(self, task: TaskId, by: Option<AgentId>, at: Timestamp) -> CommentDocument {
        let Self { id, content, author } = self;
        let (task_id, author_agent_id, created_at) = (task, by, at);
        CommentDocument { id, task_id, content, author, author_agent_id, created_at }
    }
}

impl Subtask {
    /// The subtask of that task as clients see it.
    #[must_use]
    pub fn document(&self, task_id: TaskId) -> SubtaskDocument {
        let Self { id, content, completed, sort_order, created_at } = self.clone();
        SubtaskDocument { id, task_id, content, completed, sort_order, created_at }
    }
}

impl Link {
    /// The link of that task as clients see it.
    #[must_use]
    pub fn document(&self, task_id: TaskId) -> LinkDocument {
        let Self { id, kind, reference, repo, url, created_by, created_at } = self.clone();
        let created_by_agent_id = created_by;
        LinkDocument { id, task_id, kind, repo, reference, url, created_by_agent_id, created_at }
    }
}

#[cfg(test)]
#[path = "annotation_tests.rs"]
mod tests;
