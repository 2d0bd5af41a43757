//! Operations of those who hold a task, or ask for one by its id (protocol 1.4). The queue, which
//! is asked for any task, is elsewhere.

use std::sync::Arc;

use baton_commands::{AcceptLateCompletion, Caller, TaskAction};
use baton_domain::task::{TaskCommand, View};
use poem::web::Data;
use poem_openapi::OpenApi;
use serde_json::json;

use super::{
    Tag,
    claim_bodies::{ClaimRequest, Heartbeat, Release, SessionReport},
    task_writes::{NO_BODY, change, rendered},
};
use crate::{
    answer::Rendered,
    body::Body,
    caller::Write,
    path::{Id, Path},
    problem::Problem,
    schema::{Task as TaskSchema, TaskClaimed, TaskCompleted},
    service::Services,
};

#[derive(Default)]
pub(crate) struct ClaimsApi;

#[OpenApi(tag = "Tag::Claims")]
impl ClaimsApi {
    /// Claim a task
    ///
    /// The caller holds it until its lease ends, it gives the task back, or the task is finished,
    /// handed over or blocked. `claim_generation` in the answer names the claim: sent along with
    /// what the holder does, it makes sure that the claim is still its own. A task that the caller
    /// holds already it holds longer. Where another agent holds it, or where it is not to be
    /// worked on, the answer is 409 and tells who holds it until when.
    #[oai(path = "/tasks/:id/claim", method = "post", operation_id = "claimTask")]
    async fn claim(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<ClaimRequest>,
    ) -> Result<Rendered<TaskClaimed>, Problem> {
        let action =
            TaskAction::Tell(TaskCommand::Claim { lease_seconds: body.value.lease_seconds });
        let answer = change(&services, &call, id.0, body.digest, action).await?;
        let task = answer.state.document(&answer.directory, View::Plain);
        let document = Rendered::of(&json!({ "task": task }))?;
        Ok(document.at(answer.position).replayed(answer.is_replay))
    }

    /// Hold a task longer
    ///
    /// The lease ends `lease_seconds` from now. For the agent that holds the task; 409 for
    /// everybody else, and for an agent whose lease is over: it claims the task again.
    #[oai(path = "/tasks/:id/heartbeat", method = "post", operation_id = "heartbeatTask")]
    async fn heartbeat(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<Heartbeat>,
    ) -> Result<Rendered<TaskSchema>, Problem> {
        let Heartbeat { lease_seconds, session, claim_generation } = body.value;
        let heartbeat = TaskCommand::Heartbeat { lease_seconds, session, claim_generation };
        let action = TaskAction::Tell(heartbeat);
        rendered(&change(&services, &call, id.0, body.digest, action).await?)
    }

    /// Say what the holder does
    ///
    /// The lease stays as it is. For the agent that holds the task; 409 for everybody else.
    #[oai(path = "/tasks/:id/state", method = "post", operation_id = "setTaskState")]
    async fn set_state(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<SessionReport>,
    ) -> Result<Rendered<TaskSchema>, Problem> {
        let SessionReport { session, claim_generation } = body.value;
        let action = TaskAction::Tell(TaskCommand::SetState { session, claim_generation });
        rendered(&change(&services, &call, id.0, body.digest, action).await?)
    }

    /// Give a task back
    ///
    /// For the agent that holds it, also when its lease is over, and for admins. What is left with
    /// it stays on the task until it is completed or given back again.
    #[oai(path = "/tasks/:id/release", method = "post", operation_id = "releaseTask")]
    async fn release(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<Release>,
    ) -> Result<Rendered<TaskSchema>, Problem> {
        let Release { handoff, claim_generation } = body.value;
        let action = TaskAction::Tell(TaskCommand::Release { handoff, claim_generation });
        rendered(&change(&services, &call, id.0, body.digest, action).await?)
    }

    /// Accept a late completion
    ///
    /// An agent that had lost its claim when it completed the task was refused, and what it had
    /// finished was kept: its answer and the events of the task have the id. Creator, assignee and
    /// admins complete the task with it, in the name of that agent.
    #[oai(
        path = "/tasks/:id/late-completions/:completion_id/accept",
        method = "post",
        operation_id = "acceptLateCompletion"
    )]
    async fn accept(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        completion_id: Path<Id>,
    ) -> Result<Rendered<TaskCompleted>, Problem> {
        let context = services.context(&call, NO_BODY);
        let (task, completion) = (id.0.into_string(), completion_id.0.into_string());
        let command = AcceptLateCompletion { task, completion };
        rendered(&services.commands.accept_late_completion(&context, command).await?)
    }
}
