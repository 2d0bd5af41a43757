//! Agents: identities and keys (protocol 1.1).

use std::{collections::HashMap, sync::Arc};

use baton_commands::{Answer, Caller, ChangeAgent, CommandError, DeleteAgent, RotateKey};
use baton_domain::{
    AgentId, Right, Standing, Timestamp,
    account::{Account, Agent, KeyExposure},
};
use baton_projections::Model;
use poem::web::Data;
use poem_openapi::OpenApi;
use serde_json::{Value, json};

use super::{
    Tag,
    agent_bodies::{AgentUpdate, NewAgent},
    as_of_query::AsOfQuery,
};
use crate::{
    answer::{Created, Rendered},
    body::{Body, NoFields},
    caller::{OpenWrite, Read, Write},
    path::{Id, Path},
    problem::Problem,
    query::Query,
    schema::{Agent as AgentSchema, AgentWithKey, DirectoryAgent, Either, OkDeleted},
    service::Services,
    snapshot::Snapshot,
};

/// How often an agent's tasks are counted anew because the account changed meanwhile.
const COUNTS_MAX: usize = 32;

#[derive(Default)]
pub(crate) struct AgentsApi;

#[OpenApi(tag = "Tag::Agents")]
impl AgentsApi {
    /// List agents
    ///
    /// Admins see them whole; coordinators, auditors and agents with `agents.read` see the
    /// directory.
    #[oai(path = "/agents", method = "get", operation_id = "listAgents")]
    async fn list(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        query: Query<AsOfQuery>,
    ) -> Result<Rendered<Vec<Either<AgentSchema, DirectoryAgent>>>, Problem> {
        let snapshot = services.snapshot(&call, query.0.0, Model::Tasks).await?;
        if !snapshot.standing.may(Right::ReadDirectory) {
            return Err(Problem::forbidden("you may not list the account's agents"));
        }
        let mut agents: Vec<&Agent> = snapshot.directory.living().collect();
        agents.sort_by(|one, other| one.name.cmp(&other.name));
        let ids: Vec<AgentId> = agents.iter().map(|agent| agent.id).collect();
        let facts = Facts::of_all(&snapshot, &ids).await?;
        let shown: Vec<Value> =
            agents.into_iter().map(|agent| facts.show(agent, &snapshot.standing)).collect();
        snapshot.show(&shown)
    }

    /// Create an agent
    ///
    /// The answer holds its key, which is never shown again.
    ///
    /// The first agent of all needs no credential: it may be created on the machine that Baton
    /// runs on, at `localhost`, and is an admin whatever is asked for.
    #[oai(path = "/agents", method = "post", operation_id = "createAgent")]
    async fn create(
        &self,
        services: Data<&Arc<Services>>,
        call: OpenWrite<Caller>,
        body: Body<NewAgent>,
    ) -> Result<Created<AgentWithKey>, Problem> {
        let context = services.context(&call.0, body.digest);
        let answer = services.commands.create_agent(&context, body.value.0).await?;
        with_key(&answer, &Facts::default(), KeyExposure::Prefix)
    }

    /// Read an agent
    ///
    /// By id or name. Agents read themselves; admins and those who see the directory read others.
    #[oai(path = "/agents/:agent_id", method = "get", operation_id = "getAgent")]
    async fn get(
        &self,
        services: Data<&Arc<Services>>,
        call: Read<Caller>,
        agent_id: Path<Id>,
        query: Query<AsOfQuery>,
    ) -> Result<Rendered<Either<AgentSchema, DirectoryAgent>>, Problem> {
        let snapshot = services.snapshot(&call, query.0.0, Model::Tasks).await?;
        let found = snapshot.directory.find(agent_id.as_str());
        let is_self = found.is_some_and(|agent| Some(agent.id) == call.caller.agent());
        if !is_self && !snapshot.standing.may(Right::ReadDirectory) {
            return Err(Problem::forbidden("you may read no agent but yourself"));
        }
        let agent = found.ok_or_else(|| Problem::not_found("Agent"))?;
        let facts = Facts::of(&snapshot, agent.id).await?;
        snapshot.show(&facts.show(agent, &snapshot.standing))
    }

    /// Change an agent
    ///
    /// Agents change their own `label`, `display_name` and `description`; admins change all.
    #[oai(path = "/agents/:agent_id", method = "patch", operation_id = "updateAgent")]
    async fn update(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        agent_id: Path<Id>,
        body: Body<AgentUpdate>,
    ) -> Result<Rendered<AgentSchema>, Problem> {
        let context = services.context(&call, body.digest);
        let (standing, facts) = before(&services, &call.caller, agent_id.as_str()).await?;
        let command = ChangeAgent { agent: agent_id.0.into_string(), changes: body.value.0 };
        let answer = services.commands.change_agent(&context, command).await?;
        let agent = answer.agent().ok_or_else(|| Problem::not_found("Agent"))?;
        Ok(Rendered::of(&facts.whole(agent, exposure(&standing)))?.at(answer.position))
    }

    /// Change an agent (the same as PATCH)
    ///
    /// Only the fields in the body change.
    #[oai(path = "/agents/:agent_id", method = "put", operation_id = "putAgent")]
    async fn put(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        agent_id: Path<Id>,
        body: Body<AgentUpdate>,
    ) -> Result<Rendered<AgentSchema>, Problem> {
        self.update(services, call, agent_id, body).await
    }

    /// Delete an agent
    ///
    /// Refused while unfinished tasks are assigned to it or claimed by it. Its name stays on
    /// record and may be used again.
    #[oai(path = "/agents/:agent_id", method = "delete", operation_id = "deleteAgent")]
    async fn delete(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        agent_id: Path<Id>,
    ) -> Result<Rendered<OkDeleted>, Problem> {
        let answer = delete(&services, &call, agent_id.as_str()).await?;
        let document = json!({"ok": true, "deleted": answer.subject.id});
        Ok(Rendered::of(&document)?.at(answer.position))
    }

    /// Give an agent a new key
    ///
    /// The old key is refused at once by the node that answers, within a second by others. The
    /// answer holds the new one, which is never shown again.
    #[oai(path = "/agents/:agent_id/rotate-key", method = "post", operation_id = "rotateKey")]
    async fn rotate_key(
        &self,
        services: Data<&Arc<Services>>,
        call: Write<Caller>,
        agent_id: Path<Id>,
        body: Body<NoFields>,
    ) -> Result<Rendered<AgentWithKey>, Problem> {
        let context = services.context(&call, body.digest);
        let (standing, facts) = before(&services, &call.caller, agent_id.as_str()).await?;
        let command = RotateKey::new(agent_id.0.into_string());
        let answer = services.commands.rotate_key(&context, command).await?;
        with_key(&answer, &facts, exposure(&standing))
    }
}

/// What the caller is, and what the answer to a change of the agent will show beside it. Both are
/// asked for before the command: once it is done nothing may fail, for a key is shown only once,
/// and who deactivates itself has no standing any more.
async fn before(
    services: &Services,
    caller: &Caller,
    agent: &str,
) -> Result<(Standing, Facts), Problem> {
    let mut reader = services.standing(caller)?;
    if reader.directory.find(agent).is_none() {
        // Another node may have created it just now.
        services.commands.directory().catch_up().await?;
        reader = services.standing(caller)?;
    }
    // Without the agent, or the right to change it, the command says what is wrong.
    let facts = match reader.directory.find(agent).map(|agent| agent.id) {
        Some(id) if may_change(&reader.standing, id) => {
            Facts::of(&services.present(caller)?, id).await?
        }
        _ => Facts::default(),
    };
    Ok((reader.standing, facts))
}

fn may_change(standing: &Standing, agent: AgentId) -> bool {
    let may = standing.may(Right::ManageAgents) || standing.agent() == Some(agent);
    may && standing.may(Right::Write)
}

/// Counts the agent's unfinished tasks and deletes it if there are none and nothing happened in
/// the account since they were counted.
async fn delete(
    services: &Services,
    call: &Write<Caller>,
    agent: &str,
) -> Result<Answer<Account>, Problem> {
    let context = services.context(call, [0; 32]);
    let account = &call.caller.account;
    for _ in 0..COUNTS_MAX {
        let found = services.standing(&call.caller)?.directory.find(agent).map(|agent| agent.id);
        let (counted_at, position) = services
            .commands
            .log()
            .account_head(account.as_str())
            .await
            .map_err(CommandError::from)?;
        services.level(Model::Tasks, position).await?;
        let unfinished = match found {
            Some(agent) => services.reads.unfinished_tasks(account, agent).await?.count,
            None => 0,
        };
        let agent = agent.to_owned();
        let unfinished_tasks = unfinished.unsigned_abs();
        let command = DeleteAgent { agent, unfinished_tasks, counted_at };
        match services.commands.delete_agent(&context, command).await {
            Err(CommandError::Contended) => (),
            answered => return Ok(answered?),
        }
    }
    Err(CommandError::Contended.into())
}

fn with_key<const STATUS: u16>(
    answer: &Answer<Account>,
    facts: &Facts,
    exposure: KeyExposure,
) -> Result<Rendered<AgentWithKey, STATUS>, Problem> {
    let agent = answer.agent().ok_or_else(|| Problem::not_found("Agent"))?;
    let mut document = agent.document(facts.open_tasks(agent.id), facts.seen(agent.id), exposure);
    document.api_key = answer.secret.as_ref().map(|key| key.0.clone());
    Ok(Rendered::of(&document)?.at(answer.position).replayed(answer.is_replay))
}

fn exposure(standing: &Standing) -> KeyExposure {
    match standing.may(Right::ReadAgentsWhole) {
        true => KeyExposure::Prefix,
        false => KeyExposure::Hidden,
    }
}

/// What no event about an agent says.
#[derive(Default)]
pub(super) struct Facts {
    open_tasks: HashMap<AgentId, i64>,
    last_seen: HashMap<AgentId, Timestamp>,
}

impl Facts {
    async fn of_all(snapshot: &Snapshot<'_>, agents: &[AgentId]) -> Result<Self, Problem> {
        Ok(Self {
            open_tasks: snapshot.open_task_counts(agents).await?,
            last_seen: snapshot.last_seen().await?,
        })
    }

    pub(super) async fn of(snapshot: &Snapshot<'_>, agent: AgentId) -> Result<Self, Problem> {
        Self::of_all(snapshot, &[agent]).await
    }

    fn open_tasks(&self, agent: AgentId) -> u64 {
        self.open_tasks.get(&agent).copied().unwrap_or_default().unsigned_abs()
    }

    fn seen(&self, agent: AgentId) -> Option<Timestamp> {
        self.last_seen.get(&agent).copied()
    }

    pub(super) fn whole(&self, agent: &Agent, exposure: KeyExposure) -> Value {
        json!(agent.document(self.open_tasks(agent.id), self.seen(agent.id), exposure))
    }

    /// As much of the agent as the reader may see.
    pub(super) fn show(&self, agent: &Agent, reader: &Standing) -> Value {
        if reader.may(Right::ReadAgentsWhole) || reader.agent() == Some(agent.id) {
            self.whole(agent, exposure(reader))
        } else {
            json!(agent.directory_document(self.open_tasks(agent.id), self.seen(agent.id)))
        }
    }
}
