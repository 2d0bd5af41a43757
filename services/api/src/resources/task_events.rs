//! What happened to one task, and waiting for what shall happen to it. From the log, not from a
//! read model.

use std::sync::Arc;

use baton_commands::Caller;
use baton_domain::{
    TaskId,
    task::{Task, View},
};
use baton_history::task_stream;
use baton_log::{EventFilter, Scope};
use poem::web::Data;
use poem_openapi::OpenApi;
use serde_json::json;
use tokio::time::Instant;

use super::{
    Tag,
    event_query::{TaskEventsQuery, TaskWaitQuery},
    events::page,
};
use crate::{
    answer::Rendered,
    caller::Read,
    path::{Id, Path},
    problem::Problem,
    query::Query,
    schema::{EventPage, TaskWaited},
    service::{Reader, Services},
};

#[derive(Default)]
pub(crate) struct TaskEventsApi;

#[OpenApi(tag = "Tag::Events")]
impl TaskEventsApi {
    /// List the events of a task
    ///
    /// In the order in which they happened, for everybody who may read the task. Each item is the
    /// document that NATS has of the event.
    #[oai(path = "/tasks/:id/events", method = "get", operation_id = "listTaskEvents")]
    async fn list(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        id: Path<Id>,
        query: Query<TaskEventsQuery>,
    ) -> Result<Rendered<EventPage>, Problem> {
        services.has_reached(call.min_position).await?;
        let (task, _) = find(&services, &call.caller, id.as_str()).await?;
        let scope = Scope::Stream(task_stream(&call.caller.account, task.id));
        let TaskEventsQuery { after, limit } = query.0;
        page(services.feed.read(&scope, &EventFilter::default(), after, limit).await?)
    }

    /// Wait for a task
    ///
    /// Answers as soon as the task's status is one of `until`, or when `timeout` is over:
    /// `reached` tells which. A task that is deleted meanwhile is 404.
    #[oai(path = "/tasks/:id/wait", method = "get", operation_id = "waitForTask")]
    async fn wait(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        id: Path<Id>,
        query: Query<TaskWaitQuery>,
    ) -> Result<Rendered<TaskWaited>, Problem> {
        let TaskWaitQuery { until, timeout } = query.0;
        let deadline = Instant::now() + timeout;
        services.has_reached(call.min_position).await?;
        let mut found = find(&services, &call.caller, id.as_str()).await?;
        let is_reached = |task: &Task| until.contains(&task.status);
        if !is_reached(&found.0) && !timeout.is_zero() {
            let stream = task_stream(&call.caller.account, found.0.id);
            let mut listener = services.feed.listen(Scope::Stream(stream)).await?;
            loop {
                // Rights are asked for again each time.
                found = find(&services, &call.caller, id.as_str()).await?;
                let is_awaited = !listener.is_over() && Instant::now() < deadline;
                if is_reached(&found.0) || !is_awaited {
                    break;
                }
                listener.news(deadline).await;
            }
        }
        let (task, reader) = found;
        let document = task.document(&reader.directory, View::Plain);
        Rendered::of(&json!({ "reached": is_reached(&task), "task": document }))
    }
}

/// The task as the log has it now, if the caller may read it; any other is not there.
async fn find(
    services: &Services,
    caller: &Caller,
    id: &str,
) -> Result<(Arc<Task>, Reader), Problem> {
    let id: TaskId = id.parse().map_err(|_| Problem::not_found("Task"))?;
    let task = services.feed.task(&task_stream(&caller.account, id)).await?;
    // After the wait for the log: rights as of the answer.
    let reader = services.standing(caller)?;
    let is_there = task.version > 0 && task.state.is_alive();
    match is_there && task.state.is_readable_by(&reader.standing) {
        true => Ok((task.state, reader)),
        false => Err(Problem::not_found("Task")),
    }
}
