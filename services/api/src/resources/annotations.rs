//! What hangs on a task: comments, subtasks and links (protocol 1.6).

#![expect(clippy::too_many_arguments, reason = "two ids in the path are two parameters")]

use std::sync::Arc;

use baton_commands::{Annotate, AnnotateTask, Answer, Caller};
use baton_domain::task::Task;
use baton_projections::Model;
use poem::web::Data;
use poem_openapi::OpenApi;
use serde_json::json;

use super::{
    Tag,
    annotation_bodies::{NewComment, NewLink, NewSubtask, SubtaskUpdate},
    as_of_query::AsOfQuery,
    task_reads::find,
};
use crate::{
    answer::{Created, CreatedOrOk, Rendered},
    body::Body,
    caller::{Read, Write},
    path::{Id, Path},
    problem::Problem,
    query::Query,
    schema::{Comment, Done, Link, Subtask},
    service::Services,
};

/// What stands for the body of a call that has none.
const NO_BODY: [u8; 32] = [0; 32];

#[derive(Default)]
pub(crate) struct AnnotationsApi;

#[OpenApi(tag = "Tag::Annotations")]
impl AnnotationsApi {
    /// The comments of a task
    ///
    /// Oldest first.
    #[oai(path = "/tasks/:id/comments", method = "get", operation_id = "listComments")]
    async fn comments(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        id: Path<Id>,
        query: Query<AsOfQuery>,
    ) -> Result<Rendered<Vec<Comment>>, Problem> {
        let snapshot = services.snapshot(&call, query.0.0, Model::Tasks).await?;
        let row = find(&snapshot, id.as_str()).await?;
        snapshot.show(&snapshot.comments(&row).await?)
    }

    /// Comment on a task
    ///
    /// For whoever may write the task, and for those who may comment on every task that they
    /// read, also while another agent holds it. The task itself stays as it is, its `revision`
    /// too.
    #[oai(path = "/tasks/:id/comments", method = "post", operation_id = "createComment")]
    async fn comment(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<NewComment>,
    ) -> Result<Created<Comment>, Problem> {
        let NewComment { content, author } = body.value.clone();
        let answer = annotate(&services, &call, (id.0, body.digest), body.value.into()).await?;
        let comment = answer.comment(call.caller.agent(), content, author);
        Ok(Rendered::of(&comment)?.at(answer.position).replayed(answer.is_replay))
    }

    /// Delete a comment
    ///
    /// For whoever may write the task, whoever wrote the comment.
    #[oai(
        path = "/tasks/:id/comments/:comment_id",
        method = "delete",
        operation_id = "deleteComment"
    )]
    async fn delete_comment(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        comment_id: Path<Id>,
    ) -> Result<Rendered<Done>, Problem> {
        delete(&services, &call, id.0, Annotate::DeleteComment(comment_id.0.into_string())).await
    }

    /// The subtasks of a task
    ///
    /// By their `sort_order`, the lowest first. They are part of the task in every answer.
    #[oai(path = "/tasks/:id/subtasks", method = "get", operation_id = "listSubtasks")]
    async fn subtasks(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        id: Path<Id>,
        query: Query<AsOfQuery>,
    ) -> Result<Rendered<Vec<Subtask>>, Problem> {
        let snapshot = services.snapshot(&call, query.0.0, Model::Tasks).await?;
        let row = find(&snapshot, id.as_str()).await?;
        snapshot.show(&row.task.subtask_documents())
    }

    /// Add a subtask
    ///
    /// At the end of the list: its `sort_order` is the number of subtasks before it.
    #[oai(path = "/tasks/:id/subtasks", method = "post", operation_id = "createSubtask")]
    async fn add_subtask(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<NewSubtask>,
    ) -> Result<Created<Subtask>, Problem> {
        let NewSubtask { content, completed } = body.value;
        let added = Annotate::AddSubtask { content, completed };
        subtask(&annotate(&services, &call, (id.0, body.digest), added).await?)
    }

    /// Change a subtask
    ///
    /// Only the fields in the body change.
    #[oai(
        path = "/tasks/:id/subtasks/:subtask_id",
        method = "patch",
        operation_id = "updateSubtask"
    )]
    async fn update_subtask(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        subtask_id: Path<Id>,
        body: Body<SubtaskUpdate>,
    ) -> Result<Rendered<Subtask>, Problem> {
        let changed = Annotate::ChangeSubtask(subtask_id.0.into_string(), body.value.0);
        subtask(&annotate(&services, &call, (id.0, body.digest), changed).await?)
    }

    /// Change a subtask (the same as PATCH)
    ///
    /// Only the fields in the body change.
    #[oai(path = "/tasks/:id/subtasks/:subtask_id", method = "put", operation_id = "putSubtask")]
    async fn put_subtask(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        subtask_id: Path<Id>,
        body: Body<SubtaskUpdate>,
    ) -> Result<Rendered<Subtask>, Problem> {
        self.update_subtask(services, call, id, subtask_id, body).await
    }

    /// Toggle a subtask
    ///
    /// Completes it, or opens it again if it was completed.
    #[oai(
        path = "/tasks/:id/subtasks/:subtask_id/toggle",
        method = "post",
        operation_id = "toggleSubtask"
    )]
    async fn toggle_subtask(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        subtask_id: Path<Id>,
    ) -> Result<Rendered<Subtask>, Problem> {
        let toggled = Annotate::ToggleSubtask(subtask_id.0.into_string());
        subtask(&annotate(&services, &call, (id.0, NO_BODY), toggled).await?)
    }

    /// Delete a subtask
    ///
    /// The others keep their places.
    #[oai(
        path = "/tasks/:id/subtasks/:subtask_id",
        method = "delete",
        operation_id = "deleteSubtask"
    )]
    async fn delete_subtask(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        subtask_id: Path<Id>,
    ) -> Result<Rendered<Done>, Problem> {
        delete(&services, &call, id.0, Annotate::DeleteSubtask(subtask_id.0.into_string())).await
    }

    /// The links of a task
    ///
    /// Oldest first.
    #[oai(path = "/tasks/:id/links", method = "get", operation_id = "listLinks")]
    async fn links(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        id: Path<Id>,
        query: Query<AsOfQuery>,
    ) -> Result<Rendered<Vec<Link>>, Problem> {
        let snapshot = services.snapshot(&call, query.0.0, Model::Tasks).await?;
        let row = find(&snapshot, id.as_str()).await?;
        snapshot.show(&row.task.link_documents())
    }

    /// Link a task to something outside
    ///
    /// For whoever may comment on the task. Where it has a link with the same `kind`, `repo` and
    /// `ref`, the answer is that one, with 200, and nothing changes. The task itself stays as it
    /// is, its `revision` too.
    #[oai(path = "/tasks/:id/links", method = "post", operation_id = "createLink")]
    async fn add_link(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<NewLink>,
    ) -> Result<CreatedOrOk<Link>, Problem> {
        let answer = annotate(&services, &call, (id.0, body.digest), body.value.into()).await?;
        let link = answer.link().ok_or_else(|| Problem::not_found("Link"))?;
        let document = link.document(answer.state.id);
        Ok(match answer.was_there() {
            false => CreatedOrOk::Created(marked(Rendered::of(&document)?, &answer)),
            true => CreatedOrOk::Ok(marked(Rendered::of(&document)?, &answer)),
        })
    }

    /// Delete a link
    ///
    /// For whoever may write the task, whoever added the link.
    #[oai(path = "/tasks/:id/links/:link_id", method = "delete", operation_id = "deleteLink")]
    async fn delete_link(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        link_id: Path<Id>,
    ) -> Result<Rendered<Done>, Problem> {
        delete(&services, &call, id.0, Annotate::DeleteLink(link_id.0.into_string())).await
    }
}

async fn annotate(
    services: &Services,
    call: &Write<Caller>,
    (task, digest): (Id, [u8; 32]),
    what: Annotate,
) -> Result<Answer<Task>, Problem> {
    let context = services.context(call, digest);
    let command = AnnotateTask::new(task.into_string(), what);
    Ok(services.commands.annotate_task(&context, command).await?)
}

async fn delete(
    services: &Services,
    call: &Write<Caller>,
    task: Id,
    what: Annotate,
) -> Result<Rendered<Done>, Problem> {
    let answer = annotate(services, call, (task, NO_BODY), what).await?;
    Ok(Rendered::of(&json!({"ok": true}))?.at(answer.position))
}

fn subtask<const STATUS: u16>(answer: &Answer<Task>) -> Result<Rendered<Subtask, STATUS>, Problem> {
    let subtask = answer.subtask().ok_or_else(|| Problem::not_found("Subtask"))?;
    Ok(marked(Rendered::of(&subtask.document(answer.state.id))?, answer))
}

fn marked<T, const STATUS: u16>(
    document: Rendered<T, STATUS>,
    answer: &Answer<Task>,
) -> Rendered<T, STATUS> {
    document.at(answer.position).replayed(answer.is_replay)
}
