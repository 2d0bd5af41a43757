//! Writes what events about comments lead to.

use baton_domain::stored::Event as _;
use baton_domain::task::{self, TaskEvent};
use baton_domain::{Actor, TaskId, Timestamp};
use baton_feed::HandleError;
use baton_history::History;
use baton_log::{RecordedEvent, Wanted};
use uuid::Uuid;

use crate::rows::Rows;
use crate::statement::{Tables, Value};

const INSERT: &str = include_str!("sql/insert.sql");
const DELETE: &str = include_str!("sql/delete.sql");
const DELETE_OF_TASKS: &str = include_str!("sql/delete_of_tasks.sql");

/// The model.
pub(crate) struct Comments;

impl Rows for Comments {
    const KIND: &'static str = task::KIND;

    const EFFECTIVE: &'static [Wanted] = &[
        Wanted { event_type: "task.commented", says: None },
        Wanted { event_type: "task.comment_deleted", says: None },
        Wanted { event_type: "task.deleted", says: None },
    ];

    async fn write(
        tables: Tables<'_>,
        _history: &History,
        events: &[&RecordedEvent],
    ) -> Result<(), HandleError> {
        let mut batch = Batch::default();
        for event in events {
            batch.absorb(event)?;
        }
        // What is deleted in the same batch is written first: none comes back after that.
        if !batch.written.ids.is_empty() {
            tables.write(INSERT, &batch.written.values()).await?;
        }
        let Batch { deleted, tasks, .. } = &batch;
        if !deleted.ids.is_empty() {
            let values: [Value<'_>; 3] = [&deleted.accounts, &deleted.tasks, &deleted.ids];
            tables.write(DELETE, &values).await?;
        }
        if !tasks.ids.is_empty() {
            let values: [Value<'_>; 2] = [&tasks.accounts, &tasks.ids];
            tables.write(DELETE_OF_TASKS, &values).await?;
        }
        Ok(())
    }
}

/// What a batch leads to, as columns.
#[derive(Default)]
struct Batch<'a> {
    written: Written<'a>,
    deleted: Deleted<'a>,
    tasks: Tasks<'a>,
}

#[derive(Default)]
struct Written<'a> {
    accounts: Vec<&'a str>,
    tasks: Vec<Uuid>,
    ids: Vec<Uuid>,
    contents: Vec<String>,
    authors: Vec<Option<String>>,
    agents: Vec<Option<Uuid>>,
    created_at: Vec<jiff::Timestamp>,
    positions: Vec<i64>,
}

#[derive(Default)]
struct Deleted<'a> {
    accounts: Vec<&'a str>,
    tasks: Vec<Uuid>,
    ids: Vec<Uuid>,
}

/// Those that were deleted.
#[derive(Default)]
struct Tasks<'a> {
    accounts: Vec<&'a str>,
    ids: Vec<Uuid>,
}

impl<'a> Batch<'a> {
    fn absorb(&mut self, event: &'a RecordedEvent) -> Result<(), HandleError> {
        let account = event.stream.account.as_str();
        let task: TaskId = event.stream.id.parse().map_err(unreadable)?;
        let (event_type, version) = (&event.event_type, event.schema_version);
        let decoded = TaskEvent::decode(event_type, version, &event.payload);
        match decoded.map_err(unreadable)? {
            TaskEvent::Commented(commented) => {
                let actor: Actor = event.actor.parse().map_err(unreadable)?;
                let written = &mut self.written;
                written.accounts.push(account);
                written.tasks.push(task.0);
                written.ids.push(commented.comment.id.0);
                written.contents.push(commented.comment.content);
                written.authors.push(commented.comment.author);
                written.agents.push(actor.agent().map(|agent| agent.0));
                written.created_at.push(Timestamp::from(event.recorded_at).to_jiff());
                written.positions.push(event.position);
            }
            TaskEvent::CommentDeleted(gone) => {
                self.deleted.accounts.push(account);
                self.deleted.tasks.push(task.0);
                self.deleted.ids.push(gone.comment_id.0);
            }
            TaskEvent::Deleted => {
                self.tasks.accounts.push(account);
                self.tasks.ids.push(task.0);
            }
            _ => (),
        }
        Ok(())
    }
}

impl Written<'_> {
    fn values(&self) -> [Value<'_>; 8] {
        [
            &self.accounts as _,
            &self.tasks as _,
            &self.ids as _,
            &self.contents as _,
            &self.authors as _,
            &self.agents as _,
            &self.created_at as _,
            &self.positions as _,
        ]
    }
}

fn unreadable(cause: impl Into<baton_feed::Cause>) -> HandleError {
    HandleError::event("cannot read an event about comments", cause)
}
