//! The operation of those who ask for any task (protocol 1.4).

use std::sync::Arc;

use baton_commands::Caller;
use baton_domain::{
    ProjectId, Right,
    task::{View, Wish},
};
use poem::web::Data;
use poem_openapi::OpenApi;
use serde_json::json;

use super::{Tag, queue_bodies::NextClaim, task_reads::not_by_project};
use crate::{
    answer::Rendered, body::Body, caller::Write, problem::Problem, schema::TaskOffered,
    service::Services,
};

#[derive(Default)]
pub(crate) struct QueueApi;

#[OpenApi(tag = "Tag::Claims")]
impl QueueApi {
    /// Claim the next task
    ///
    /// The caller holds it as after a claim by its id. The most urgent task comes first, then the
    /// oldest, of those that wait for the caller: open, or claimed with a lease that has ended;
    /// assigned to the caller, or to nobody and, where labels with `@` route it, routed to the
    /// caller. No two claims get the same task. Where nothing waits `task` is null; an
    /// `Idempotency-Key` then stands for nothing, and the next request with it looks again.
    #[oai(path = "/tasks/claim", method = "post", operation_id = "claimNextTask")]
    async fn claim(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        body: Body<NextClaim>,
    ) -> Result<Rendered<TaskOffered>, Problem> {
        let NextClaim { labels, project, lease_seconds } = body.value;
        let project_id = match project {
            Some(project) => Some(of_project(&services, &call, &project).await?),
            None => None,
        };
        let (context, wish) = (services.context(&call, body.digest), Wish { labels, project_id });
        let Some(answer) = services.queue.claim(&context, wish, lease_seconds).await? else {
            let nothing = Rendered::of(&json!({ "task": null }))?;
            return Ok(nothing.at(services.commands.log().acknowledged()));
        };
        let task = answer.state.document(&answer.directory, View::Plain);
        let document = Rendered::of(&json!({ "task": task }))?;
        Ok(document.at(answer.position).replayed(answer.is_replay))
    }
}

/// The project of that id, or one that nothing can be in where there is none.
async fn of_project(
    services: &Services,
    call: &Write<Caller>,
    project: &str,
) -> Result<ProjectId, Problem> {
    let reader = services.standing(&call.caller)?;
    if reader.standing.agent().is_some() && !reader.standing.may(Right::ReadAllTasks) {
        return Err(not_by_project());
    }
    let Ok(id) = project.parse::<ProjectId>() else { return Ok(ProjectId::default()) };
    if !reader.directory.projects.contains_key(&id) {
        // Another node may just have created it.
        services.commands.directory().catch_up().await?;
        let directory = services.standing(&call.caller)?.directory;
        if !directory.projects.contains_key(&id) {
            return Ok(ProjectId::default());
        }
    }
    Ok(id)
}
