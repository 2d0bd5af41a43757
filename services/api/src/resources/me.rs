//! The caller and the server (protocol 1.16).

use std::sync::Arc;

use baton_commands::Caller;
use baton_projections::Model;
use poem::web::Data;
use poem_openapi::OpenApi;
use serde_json::json;

use super::{Tag, agents::Facts};
use crate::{
    answer::Rendered,
    caller::Read,
    problem::Problem,
    root::health_document,
    schema::{Health, Me},
    service::Services,
};

#[derive(Default)]
pub(crate) struct MeApi;

#[derive(Default)]
pub(crate) struct HealthApi;

#[OpenApi(tag = "Tag::Service")]
impl MeApi {
    /// Who am I?
    ///
    /// The agent that the key belongs to; `agent` is null for the project token.
    #[oai(path = "/agent/me", method = "get", operation_id = "getMe")]
    async fn me(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
    ) -> Result<Rendered<Me>, Problem> {
        let reader = services.reader(&call, Model::Tasks).await?;
        let account = json!({"plan": "self-hosted", "email": null});
        let Some(agent) = call.caller.agent().and_then(|id| reader.directory.agents.get(&id))
        else {
            return Rendered::of(&json!({"agent": null, "account": account}));
        };
        let facts = Facts::of(&services.present(&call.caller)?, agent.id).await?;
        let shown = facts.show(agent, &reader.standing);
        let mut me = shown.clone();
        me["agent"] = shown;
        me["account"] = account;
        Rendered::of(&me)
    }
}

#[OpenApi(tag = "Tag::Service")]
impl HealthApi {
    /// Is the server up?
    ///
    /// This process answers; whether it can reach what it needs, `/health/ready` says. Needs no
    /// credential.
    #[oai(path = "/health", method = "get", operation_id = "getHealth")]
    async fn health(&self) -> Result<Rendered<Health>, Problem> {
        Rendered::of(&health_document())
    }
}
