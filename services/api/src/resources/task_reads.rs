//! Operations that read tasks and their chains (protocol 1.2, 1.3).

use std::sync::Arc;

use baton_commands::Caller;
use baton_domain::{
    Right, TaskId,
    task::{View, chain},
};
use baton_projections::{
    Model,
    tasks::{Page, TaskPage, TaskRow},
};
use poem::web::Data;
use poem_openapi::OpenApi;

use super::{Tag, as_of_query::AsOfQuery, task_query::TaskQuery};
use crate::{
    answer::Rendered,
    caller::Read,
    page,
    path::{Id, Path},
    problem::Problem,
    query::Query,
    schema::{Chain, Task as TaskSchema, TaskDetail, TaskList},
    service::Services,
    snapshot::Snapshot,
};

#[derive(Default)]
pub(crate) struct TaskReadsApi;

#[OpenApi(tag = "Tag::Tasks")]
impl TaskReadsApi {
    /// List tasks
    ///
    /// Those the caller may read, most urgent first, then oldest, unless `sort` says otherwise.
    /// Filters narrow each other down: a task is listed that passes them all. Without `status`,
    /// `completed` or `include_completed` completed and cancelled tasks are left out and failed
    /// ones kept. A reference to somebody or something unknown matches nothing.
    ///
    /// The answer is an array; `X-Has-More: true` says that the list goes on after it. With
    /// `include=pagination` it is a page object instead, which says how long the list is.
    #[oai(path = "/tasks", method = "get", operation_id = "listTasks")]
    async fn list(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        query: Query<TaskQuery>,
    ) -> Result<Rendered<TaskList>, Problem> {
        let TaskQuery { wanted, window, sort, scope, view, as_of } = query.0;
        let snapshot = services.snapshot(&call, as_of, Model::Tasks).await?;
        if wanted.project.is_some() && !snapshot.standing.may(Right::ReadAllTasks) {
            return Err(not_by_project());
        }
        let found = match wanted.filter(&snapshot, call.caller.agent()) {
            Some(filter) => {
                let (limit, offset) = (to_u32(window.limit), to_u32(window.offset));
                snapshot.list(filter, Page { limit, offset, sort, scope }).await?
            }
            None => TaskPage::empty(scope),
        };
        let tasks = found.tasks.iter().map(|task| task.document(&snapshot.directory, view));
        let tasks: Vec<_> = tasks.collect();
        match found.total {
            Some(total) => snapshot.show(&page::Page::new(tasks, total, window)),
            None => Ok(snapshot.show(&tasks)?.has_more(found.has_more)),
        }
    }

    /// Read a task
    ///
    /// With its comments and links. One that the caller may not read is not there.
    #[oai(path = "/tasks/:id", method = "get", operation_id = "getTask")]
    async fn get(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        id: Path<Id>,
        query: Query<AsOfQuery>,
    ) -> Result<Rendered<TaskDetail>, Problem> {
        let snapshot = services.snapshot(&call, query.0.0, Model::Tasks).await?;
        let row = find(&snapshot, id.as_str()).await?;
        let mut document = row.task.document(&snapshot.directory, View::Detail);
        document.comments = Some(snapshot.comments(&row).await?);
        snapshot.show(&document)
    }

    /// The delegation chain of a task
    ///
    /// Every hop of every task with the same root: who handed what to whom, and when. Tasks that
    /// the caller may not read keep their place and their hops, without their content.
    #[oai(
        path = "/tasks/:id/chain",
        method = "get",
        operation_id = "getTaskChain",
        tag = "Tag::Delegation"
    )]
    async fn chain(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        id: Path<Id>,
        query: Query<AsOfQuery>,
    ) -> Result<Rendered<Chain>, Problem> {
        let snapshot = services.snapshot(&call, query.0.0, Model::Tasks).await?;
        let task = find(&snapshot, id.as_str()).await?.task;
        let tasks = snapshot.tasks_by_root(task.root).await?;
        snapshot.show(&chain(&task, tasks, &snapshot.standing, &snapshot.directory))
    }

    /// The children of a task
    ///
    /// Those the caller may read, oldest first.
    #[oai(
        path = "/tasks/:id/children",
        method = "get",
        operation_id = "listTaskChildren",
        tag = "Tag::Delegation"
    )]
    async fn children(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        id: Path<Id>,
        query: Query<AsOfQuery>,
    ) -> Result<Rendered<Vec<TaskSchema>>, Problem> {
        let snapshot = services.snapshot(&call, query.0.0, Model::Tasks).await?;
        let task = find(&snapshot, id.as_str()).await?.task;
        let children = snapshot.children(task.id).await?;
        let shown = children.iter().map(|child| child.document(&snapshot.directory, View::Plain));
        snapshot.show(&shown.collect::<Vec<_>>())
    }
}

/// A task that the caller may read; any other is not there.
pub(super) async fn find(snapshot: &Snapshot<'_>, id: &str) -> Result<TaskRow, Problem> {
    let row = match id.parse::<TaskId>() {
        Ok(id) => snapshot.task(id).await?,
        Err(_) => None,
    };
    let row = row.filter(|row| row.task.is_alive());
    let row = row.filter(|row| row.task.is_readable_by(&snapshot.standing));
    row.ok_or_else(|| Problem::not_found("Task"))
}

/// Only who may read every task asks by project.
pub(super) fn not_by_project() -> Problem {
    Problem::forbidden("you may not filter tasks by project")
}

/// Both are bounded by the window's rule.
fn to_u32(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
