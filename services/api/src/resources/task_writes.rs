//! Operations that change tasks (protocol 1.2, 1.3).

use std::sync::Arc;

use baton_commands::{Answer, Caller, ChangeTask, CreateTask, DeleteTasks, TaskAction};
use baton_domain::task::{Task, TaskCommand, View};
use poem::web::Data;
use poem_openapi::OpenApi;
use serde_json::json;

use super::{
    Tag,
    duplicates::create_unless_there,
    finish_bodies::{Cancellation, Completion, Failure},
    task_bodies::{BatchDeletion, Delegation, NewTask, TaskUpdate},
};
use crate::{
    answer::{Created, CreatedOrOk, NoContent, Rendered},
    body::{Body, NoFields},
    caller::Write,
    header::DedupCheck,
    path::{Id, Path},
    problem::Problem,
    schema::{OkDeleted, Task as TaskSchema, TaskCancelled, TaskCompleted},
    service::Services,
};

#[derive(Default)]
pub(crate) struct TaskWritesApi;

#[OpenApi(tag = "Tag::Tasks")]
impl TaskWritesApi {
    /// Create a task
    ///
    /// Any agent may create tasks and assign them to any active agent. With `parent_task_id` the
    /// task is delegated from that one. With `depends_on` it begins `blocked` while one of those
    /// tasks is not completed, and opens by itself when the last one is.
    ///
    /// With `X-Dedup-Check` it is not created while an open task that the caller may read is like
    /// it: the answer is 409 with the `matches` that `POST /tasks/dedup` has.
    #[oai(path = "/tasks", method = "post", operation_id = "createTask")]
    async fn create(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        dedup: DedupCheck,
        body: Body<NewTask>,
    ) -> Result<Created<TaskSchema>, Problem> {
        let context = services.context(&call, body.digest);
        let command = to_command(body.value);
        let answer = match dedup {
            DedupCheck(true) => create_unless_there(&services, &context, command).await?,
            DedupCheck(false) => services.commands.create_task(&context, command).await?,
        };
        rendered(&answer)
    }

    /// Change a task
    ///
    /// Only the fields in the body change. Setting a value that the task has already is never an
    /// error and never an event.
    #[oai(path = "/tasks/:id", method = "patch", operation_id = "updateTask")]
    async fn update(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<TaskUpdate>,
    ) -> Result<Rendered<TaskSchema>, Problem> {
        let TaskUpdate { update, assigned_to, depends_on, foreign } = body.value;
        let update = Box::new(update);
        let action = TaskAction::Update { update, assigned_to, depends_on, foreign };
        rendered(&change(&services, &call, id.0, body.digest, action).await?)
    }

    /// Change a task (the same as PATCH)
    ///
    /// Only the fields in the body change.
    #[oai(path = "/tasks/:id", method = "put", operation_id = "putTask")]
    async fn put(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<TaskUpdate>,
    ) -> Result<Rendered<TaskSchema>, Problem> {
        self.update(services, call, id, body).await
    }

    /// Delete a task
    ///
    /// Its children and its place in the chain stay. Its id disappears from the `depends_on` of
    /// other tasks; those that waited only for it open.
    #[oai(path = "/tasks/:id", method = "delete", operation_id = "deleteTask")]
    async fn delete(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
    ) -> Result<Rendered<OkDeleted>, Problem> {
        let answer =
            change(&services, &call, id.0, NO_BODY, TaskAction::Tell(TaskCommand::Delete)).await?;
        let document = json!({"ok": true, "deleted": answer.subject.id});
        Ok(Rendered::of(&document)?.at(answer.position))
    }

    /// Delete tasks
    ///
    /// All of them or none: where one may not be read or written, the answer names it and nothing
    /// is deleted. Each is deleted as `DELETE /tasks/{id}` does.
    #[oai(path = "/tasks/batch-delete", method = "post", operation_id = "batchDeleteTasks")]
    async fn batch_delete(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        body: Body<BatchDeletion>,
    ) -> Result<NoContent, Problem> {
        let context = services.context(&call, body.digest);
        let command = DeleteTasks { ids: body.value.ids };
        let answer = services.commands.delete_tasks(&context, command).await?;
        Ok(NoContent::at(answer.position).replayed(answer.is_replay))
    }

    /// Complete a task
    ///
    /// Completing a completed task changes nothing and is no error. One that repeats is followed by
    /// a task that is due the next time: `next_occurrence` is that day.
    #[oai(path = "/tasks/:id/complete", method = "post", operation_id = "completeTask")]
    async fn complete(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<Completion>,
    ) -> Result<Rendered<TaskCompleted>, Problem> {
        let action = TaskAction::Tell(TaskCommand::Complete(Box::new(body.value.0)));
        let answer = change(&services, &call, id.0, body.digest, action).await?;
        let Some(next) = answer.state.follow_up else { return rendered(&answer) };
        let mut document = json!(answer.state.document(&answer.directory, View::Plain));
        document["next_occurrence"] = json!(next.due_date);
        Ok(Rendered::of(&document)?.at(answer.position).replayed(answer.is_replay))
    }

    /// Open a completed task again
    ///
    /// Changes nothing on a task that is not completed.
    #[oai(path = "/tasks/:id/uncomplete", method = "post", operation_id = "uncompleteTask")]
    async fn uncomplete(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<NoFields>,
    ) -> Result<Rendered<TaskSchema>, Problem> {
        let action = TaskAction::Tell(TaskCommand::Uncomplete);
        rendered(&change(&services, &call, id.0, body.digest, action).await?)
    }

    /// Mark a task as failed
    ///
    /// For work that was given up. A retry opens it again. Failing a failed task changes nothing
    /// and is no error.
    #[oai(path = "/tasks/:id/fail", method = "post", operation_id = "failTask")]
    async fn fail(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<Failure>,
    ) -> Result<Rendered<TaskSchema>, Problem> {
        let action = TaskAction::Tell(TaskCommand::Fail(Box::new(body.value.0)));
        rendered(&change(&services, &call, id.0, body.digest, action).await?)
    }

    /// Open a task again
    ///
    /// Of a failed task it uses one of the retries; an admin may go beyond `max_retries`. One
    /// that is claimed, delegated or completed is open again and keeps its retries.
    #[oai(path = "/tasks/:id/retry", method = "post", operation_id = "retryTask")]
    async fn retry(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<NoFields>,
    ) -> Result<Rendered<TaskSchema>, Problem> {
        rendered(&change(&services, &call, id.0, body.digest, TaskAction::Retry).await?)
    }

    /// Call a task off
    ///
    /// For good: a cancelled task is never opened again. Cancelling a cancelled task changes
    /// nothing and is no error.
    #[oai(path = "/tasks/:id/cancel", method = "post", operation_id = "cancelTask")]
    async fn cancel(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<Cancellation>,
    ) -> Result<Rendered<TaskCancelled>, Problem> {
        let action = TaskAction::Tell(TaskCommand::Cancel(Box::new(body.value.0)));
        let answer = change(&services, &call, id.0, body.digest, action).await?;
        let mut document = json!(answer.state.document(&answer.directory, View::Plain));
        // No task is linked to an execution of Baton's yet, so there is none to cancel.
        document["execution_cancelled"] = json!(false);
        Ok(Rendered::of(&document)?.at(answer.position).replayed(answer.is_replay))
    }

    /// Delegate a task
    ///
    /// With `content` (or `title`): a new child, 201; the task itself becomes `delegated`.
    /// Without: the same task is handed over to `agent_id`, 200. Either is a hop of the chain.
    #[oai(
        path = "/tasks/:id/delegate",
        method = "post",
        operation_id = "delegateTask",
        tag = "Tag::Delegation"
    )]
    async fn delegate(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<Delegation>,
    ) -> Result<CreatedOrOk<TaskSchema>, Problem> {
        match body.value {
            Delegation::Child(task) => {
                let context = services.context(&call, body.digest);
                let parent = Some(id.0.into_string());
                let command = CreateTask { parent, ..to_command(*task) };
                let answer = services.commands.create_task(&context, command).await;
                let answer = answer.map_err(parent_is_the_task)?;
                Ok(CreatedOrOk::Created(rendered(&answer)?))
            }
            Delegation::HandOver { to, changes } => {
                let action = TaskAction::HandOver { to, changes };
                let answer = change(&services, &call, id.0, body.digest, action).await?;
                Ok(CreatedOrOk::Ok(rendered(&answer)?))
            }
        }
    }
}

/// What stands for the body of a call that has none.
pub(super) const NO_BODY: [u8; 32] = [0; 32];

pub(super) async fn change(
    services: &Services,
    call: &Write<Caller>,
    id: Id,
    digest: [u8; 32],
    action: TaskAction,
) -> Result<Answer<Task>, Problem> {
    let context = services.context(call, digest);
    let command = ChangeTask { id: id.into_string(), action };
    Ok(services.commands.change_task(&context, command).await?)
}

fn to_command(task: NewTask) -> CreateTask {
    let NewTask { changes, assigned_to, parent, depends_on, foreign } = task;
    CreateTask { assigned_to, parent, depends_on, foreign, ..CreateTask::new(changes) }
}

/// In the path the parent is simply the task.
fn parent_is_the_task(error: baton_commands::CommandError) -> Problem {
    match error {
        baton_commands::CommandError::NotFound { what: "Parent task" } => {
            Problem::not_found("Task")
        }
        error => error.into(),
    }
}

pub(super) fn rendered<T, const STATUS: u16>(
    answer: &Answer<Task>,
) -> Result<Rendered<T, STATUS>, Problem> {
    let document = answer.state.document(&answer.directory, View::Plain);
    Ok(Rendered::of(&document)?.at(answer.position).replayed(answer.is_replay))
}
