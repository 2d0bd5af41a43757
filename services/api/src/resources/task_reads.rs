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

use super::{Tag, annotations::comments_of, task_query::TaskQuery};
use crate::{
    answer::Rendered,
    caller::Read,
    page,
    path::{Id, Path},
    problem::Problem,
    query::Query,
    schema::{Chain, Task as TaskSchema, TaskDetail, TaskList},
    service::{Reader, Services},
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
        let reader = services.reader(&call, Model::Tasks).await?;
        let TaskQuery { wanted, window, sort, scope, view } = query.0;
        if wanted.project.is_some() && !reader.standing.may(Right::ReadAllTasks) {
            return Err(not_by_project());
        }
        let found = match wanted.filter(&reader, call.caller.agent()) {
            Some(filter) => {
                let (limit, offset) = (to_u32(window.limit), to_u32(window.offset));
                let page = Page { limit, offset, sort, scope };
                let account = &call.caller.account;
                services.reads.list(account, &reader.standing, &filter, page).await?
            }
            None => TaskPage::empty(scope),
        };
        let tasks = found.tasks.iter().map(|task| task.document(&reader.directory, view));
        let tasks: Vec<_> = tasks.collect();
        match found.total {
            Some(total) => Rendered::of(&page::Page::new(tasks, total, window)),
            None => Ok(Rendered::of(&tasks)?.has_more(found.has_more)),
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
    ) -> Result<Rendered<TaskDetail>, Problem> {
        let (row, reader) = find(&services, &call, id.as_str()).await?;
        let mut document = row.task.document(&reader.directory, View::Detail);
        document.comments = Some(comments_of(&services, &call.caller.account, &row).await?);
        Rendered::of(&document)
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
    ) -> Result<Rendered<Chain>, Problem> {
        let (TaskRow { task, .. }, reader) = find(&services, &call, id.as_str()).await?;
        let tasks = services.reads.tasks_by_root(&call.caller.account, task.root).await?;
        Rendered::of(&chain(&task, tasks, &reader.standing, &reader.directory))
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
    ) -> Result<Rendered<Vec<TaskSchema>>, Problem> {
        let (TaskRow { task, .. }, reader) = find(&services, &call, id.as_str()).await?;
        let account = &call.caller.account;
        let children = services.reads.children(account, task.id, &reader.standing).await?;
        let shown: Vec<_> =
            children.iter().map(|child| child.document(&reader.directory, View::Plain)).collect();
        Rendered::of(&shown)
    }
}

/// A task that the caller may read; any other is not there.
pub(super) async fn find(
    services: &Services,
    call: &Read<Caller>,
    id: &str,
) -> Result<(TaskRow, Reader), Problem> {
    let reader = services.reader(call, Model::Tasks).await?;
    let row = match id.parse::<TaskId>() {
        Ok(id) => services.reads.task(&call.caller.account, id).await?,
        Err(_) => None,
    };
    let row = row.filter(|row| row.task.is_alive());
    match row.filter(|row| row.task.is_readable_by(&reader.standing)) {
        Some(row) => Ok((row, reader)),
        None => Err(Problem::not_found("Task")),
    }
}

/// Only who may read every task asks by project.
pub(super) fn not_by_project() -> Problem {
    Problem::forbidden("you may not filter tasks by project")
}

/// Both are bounded by the window's rule.
fn to_u32(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
