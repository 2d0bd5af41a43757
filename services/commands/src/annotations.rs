//! Commands about what hangs on a task: comments, subtasks and links (protocol 1.6).

use baton_domain::{
    AgentId,
    account::Account,
    id::{CommentId, LinkId, SubtaskId},
    task::{
        Annotation, Comment, CommentDocument, Link, LinkKind, NewLink, NewSubtask, Subtask,
        SubtaskChanges, Task, TaskCommand, Tasks,
    },
};
use baton_log::StreamId;
use esrs::Aggregate as _;
use uuid::Uuid;

use crate::{
    attempt::Attempt,
    error::CommandError,
    execute::{Answer, Commands, Context},
    plan::{Change, Command, Plan},
};

const COMMENT: &str = "comment";
const SUBTASK: &str = "subtask";
const LINK: &str = "link";
/// A link that was there already.
const KNOWN_LINK: &str = "known_link";

/// What to do to what hangs on a task. Ids are as the client gave them.
#[derive(Debug, Clone)]
pub enum Annotate {
    /// Write a comment.
    Comment {
        /// What it says.
        content: String,
        /// Its author, in words; the acting agent's display name, or else its name.
        author: Option<String>,
    },
    /// Delete a comment.
    DeleteComment(String),
    /// Add a subtask.
    AddSubtask {
        /// What is to be done.
        content: String,
        /// It is done.
        completed: bool,
    },
    /// Change a subtask.
    ChangeSubtask(String, SubtaskChanges),
    /// Complete a subtask, or uncomplete it if it was completed.
    ToggleSubtask(String),
    /// Delete a subtask.
    DeleteSubtask(String),
    /// Add a link.
    Link {
        /// What it points to.
        kind: LinkKind,
        /// Which of these.
        reference: String,
        /// In which repository.
        repo: Option<String>,
        /// Where it is.
        url: Option<String>,
    },
    /// Delete a link.
    DeleteLink(String),
}

/// Change what hangs on a task.
#[derive(Debug, Clone)]
pub struct AnnotateTask {
    /// The id of what is added.
    id: Uuid,
    /// The task's id as the client gave it.
    pub task: String,
    /// What to do.
    pub annotate: Annotate,
}

impl AnnotateTask {
    /// With a fresh id for what is added.
    #[must_use]
    pub fn new(task: String, annotate: Annotate) -> Self {
        Self { id: Uuid::now_v7(), task, annotate }
    }
}

impl Commands {
    /// Changes what hangs on a task.
    ///
    /// # Errors
    /// [`CommandError`]: no right to read, comment on or write the task, nothing with that id on
    /// it, or no room for more.
    pub async fn annotate_task(
        &self,
        context: &Context,
        command: AnnotateTask,
    ) -> Result<Answer<Task>, CommandError> {
        self.execute(context, command).await
    }
}

impl Answer<Task> {
    /// The comment that `by` wrote. The task keeps its id alone: it says what was sent.
    #[must_use]
    pub fn comment(
        &self,
        by: Option<AgentId>,
        content: String,
        author: Option<String>,
    ) -> CommentDocument {
        let id = CommentId(self.part().unwrap_or_default());
        let author = author.or_else(|| author_of(&self.directory, by));
        let at = self.state.commented_at.unwrap_or_default();
        Comment { id, content, author }.document(self.state.id, by, at)
    }

    /// The subtask that the command was about, as it left it.
    #[must_use]
    pub fn subtask(&self) -> Option<&Subtask> {
        self.state.subtask(SubtaskId(self.part()?))
    }

    /// The link that the command was about.
    #[must_use]
    pub fn link(&self) -> Option<&Link> {
        self.state.link(LinkId(self.part()?))
    }

    /// The link was there before the command.
    #[must_use]
    pub fn was_there(&self) -> bool {
        self.subject.kind == KNOWN_LINK
    }

    /// The id of what hangs on the task.
    fn part(&self) -> Option<Uuid> {
        self.subject.id.split_once('/')?.1.parse().ok()
    }
}

impl Command for AnnotateTask {
    type State = Task;

    async fn plan(self, attempt: &Attempt<'_>) -> Result<Plan<Task>, CommandError> {
        let (stream, before) = match self.annotate {
            Annotate::Comment { .. } | Annotate::Link { .. } => {
                attempt.commentable_task(&self.task).await?
            }
            _ => attempt.writable_task(&self.task, "Task").await?,
        };
        let (kind, id, annotation) = self.read(attempt, &before.state)?;
        let command = TaskCommand::Annotate(Box::new(annotation));
        let events = Tasks::handle_command(&before.state, attempt.order(command))?;
        let (kind, id) = (kind.to_owned(), format!("{}/{id}", stream.id));
        let subject = StreamId { kind, id, ..stream.clone() };
        Ok(Plan { subject, ..Plan::new(Change { stream, before, events }) })
    }
}

impl AnnotateTask {
    /// The command to the task, and what it is about.
    fn read(
        self,
        attempt: &Attempt<'_>,
        task: &Task,
    ) -> Result<(&'static str, Uuid, Annotation), CommandError> {
        let fresh = self.id;
        Ok(match self.annotate {
            Annotate::Comment { content, author } => {
                let by = attempt.standing.agent();
                let author = author.or_else(|| author_of(&attempt.account.state, by));
                let comment = Comment { id: CommentId(fresh), content, author };
                (COMMENT, fresh, Annotation::Comment(comment))
            }
            Annotate::DeleteComment(id) => {
                let id: CommentId = parse(&id, "Comment")?;
                (COMMENT, id.0, Annotation::DeleteComment(id))
            }
            Annotate::AddSubtask { content, completed } => {
                let id = SubtaskId(fresh);
                let subtask = NewSubtask { id, content, completed, sort_order: 0 };
                (SUBTASK, fresh, Annotation::AddSubtask(subtask))
            }
            Annotate::ChangeSubtask(id, changes) => {
                let id: SubtaskId = parse(&id, "Subtask")?;
                (SUBTASK, id.0, Annotation::ChangeSubtask(id, changes))
            }
            Annotate::ToggleSubtask(id) => {
                let id: SubtaskId = parse(&id, "Subtask")?;
                (SUBTASK, id.0, Annotation::ToggleSubtask(id))
            }
            Annotate::DeleteSubtask(id) => {
                let id: SubtaskId = parse(&id, "Subtask")?;
                (SUBTASK, id.0, Annotation::DeleteSubtask(id))
            }
            Annotate::Link { kind, reference, repo, url } => {
                let link = NewLink { id: LinkId(fresh), kind, reference, repo, url };
                let (about, id) = match task.equal_link(&link) {
                    Some(known) => (KNOWN_LINK, known.id.0),
                    None => (LINK, fresh),
                };
                (about, id, Annotation::Link(link))
            }
            Annotate::DeleteLink(id) => {
                let id: LinkId = parse(&id, "Link")?;
                (LINK, id.0, Annotation::DeleteLink(id))
            }
        })
    }
}

/// An id of any other form matches nothing.
fn parse<I: std::str::FromStr>(id: &str, what: &'static str) -> Result<I, CommandError> {
    id.parse().map_err(|_| CommandError::NotFound { what })
}

/// How a comment names its author where it does not say.
fn author_of(account: &Account, by: Option<AgentId>) -> Option<String> {
    let agent = account.agents.get(&by?)?;
    Some(agent.display_name.clone().unwrap_or_else(|| agent.name.clone()))
}
