//! Projects (protocol 1.7). All of it is for admins.

use std::sync::Arc;

use baton_commands::{Answer, Caller, ChangeProject, DeleteProject};
use baton_domain::{
    ProjectId, Right,
    account::{Account, Project, ProjectDocument},
};
use poem::web::Data;
use poem_openapi::OpenApi;
use serde_json::json;

use super::{
    Tag,
    project_bodies::{NewProject, ProjectUpdate},
};
use crate::{
    answer::{Created, Rendered},
    body::Body,
    caller::{Read, Write},
    path::{Id, Path},
    problem::Problem,
    schema::{Done, Project as ProjectSchema},
    service::Services,
};

#[derive(Default)]
pub(crate) struct ProjectsApi;

#[OpenApi(tag = "Tag::Projects")]
impl ProjectsApi {
    /// List projects
    ///
    /// By their `sort_order`, the lowest first, then by age. Only admins see and change projects;
    /// of a task's project everybody who reads the task sees id and name.
    #[oai(path = "/projects", method = "get", operation_id = "listProjects")]
    async fn list(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
    ) -> Result<Rendered<Vec<ProjectSchema>>, Problem> {
        let account = directory(&services, &call).await?;
        let projects = account.projects_in_order().into_iter().map(Project::document);
        Rendered::of(&projects.collect::<Vec<ProjectDocument>>())
    }

    /// Create a project
    ///
    /// Several may have the same name.
    #[oai(path = "/projects", method = "post", operation_id = "createProject")]
    async fn create(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        body: Body<NewProject>,
    ) -> Result<Created<ProjectSchema>, Problem> {
        let context = services.context(&call, body.digest);
        rendered(&services.commands.create_project(&context, body.value.0).await?)
    }

    /// Read a project
    ///
    /// For admins.
    #[oai(path = "/projects/:id", method = "get", operation_id = "getProject")]
    async fn get(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        id: Path<Id>,
    ) -> Result<Rendered<ProjectSchema>, Problem> {
        let account = directory(&services, &call).await?;
        let found = id.as_str().parse::<ProjectId>().ok().and_then(|id| account.projects.get(&id));
        Rendered::of(&found.ok_or_else(|| Problem::not_found("Project"))?.document())
    }

    /// Change a project
    ///
    /// Only the fields in the body change.
    #[oai(path = "/projects/:id", method = "patch", operation_id = "updateProject")]
    async fn update(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<ProjectUpdate>,
    ) -> Result<Rendered<ProjectSchema>, Problem> {
        let context = services.context(&call, body.digest);
        let command = ChangeProject { id: id.0.into_string(), changes: body.value.0 };
        rendered(&services.commands.change_project(&context, command).await?)
    }

    /// Change a project (the same as PATCH)
    ///
    /// Only the fields in the body change.
    #[oai(path = "/projects/:id", method = "put", operation_id = "putProject")]
    async fn put(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
        body: Body<ProjectUpdate>,
    ) -> Result<Rendered<ProjectSchema>, Problem> {
        self.update(services, call, id, body).await
    }

    /// Delete a project
    ///
    /// Its tasks stay, in no project: their `project_id` is null from then on.
    #[oai(path = "/projects/:id", method = "delete", operation_id = "deleteProject")]
    async fn delete(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        id: Path<Id>,
    ) -> Result<Rendered<Done>, Problem> {
        let context = services.context(&call, [0; 32]);
        let command = DeleteProject { id: id.0.into_string() };
        let answer = services.commands.delete_project(&context, command).await?;
        Ok(Rendered::of(&json!({"ok": true}))?.at(answer.position))
    }
}

/// The account with its projects, for those who may see them.
async fn directory(services: &Services, call: &Read<Caller>) -> Result<Arc<Account>, Problem> {
    let may_manage = |services: &Services| {
        let reader = services.standing(&call.caller)?;
        match reader.standing.may(Right::ManageProjects) {
            true => Ok(reader.directory),
            false => Err(Problem::forbidden("only an admin may manage projects")),
        }
    };
    may_manage(services)?;
    services.has_reached(call.min_position).await?;
    may_manage(services)
}

fn rendered<const STATUS: u16>(
    answer: &Answer<Account>,
) -> Result<Rendered<ProjectSchema, STATUS>, Problem> {
    let project = answer.project().ok_or_else(|| Problem::not_found("Project"))?;
    Ok(Rendered::of(&project.document())?.at(answer.position).replayed(answer.is_replay))
}
