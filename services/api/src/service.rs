//! What the operations stand on, and how they are put together into one server.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use baton_audit::{Exports, Reading};
use baton_commands::{Caller, CommandError, Commands, Context, RequestKey, Who};
use baton_domain::{Standing, Timestamp, account::Account, webhook::SignatureScheme};
use baton_duplicates::Duplicates;
use baton_feed::{Feed, FeedError, Progress};
use baton_history::Past;
use baton_ledger::Ledger;
use baton_projections::{Model, Reads, tasks::FleetRules};
use baton_queue::Queue;
use baton_webhooks::{AddressRules, Deliveries};
use poem::{EndpointExt, Response, endpoint::BoxEndpoint, middleware::AddData};
use poem_openapi::{LicenseObject, OpenApiService, ServerObject};

use crate::{
    allow::Allow,
    caller::{Authenticate, Authenticated, Origin, Read, Sight, Write},
    credential::Credential,
    document::Documents,
    edge::{EdgeSettings, PREFIXES, edge, routes},
    entrance::Entrance,
    header::MIN_POSITION,
    problem::Problem,
    rate_limit::Rates,
    resources::{
        AgentsApi, AnnotationsApi, AuditApi, CausalityApi, ClaimsApi, ContextApi, DuplicatesApi,
        EXAMPLES, EventsApi, HealthApi, LedgerApi, MeApi, ProjectsApi, QueueApi, RecurrencesApi,
        StatsApi, TaskEventsApi, TaskReadsApi, TaskWritesApi, WebhooksApi,
    },
    root,
};

/// How long a read waits for its model to show what it must.
const READ_WAIT_MAX: Duration = Duration::from_secs(5);

/// What every operation may use.
pub struct Services {
    /// Commands.
    pub commands: Commands,
    /// Read models.
    pub reads: Reads,
    /// The next tasks of each account.
    pub queue: Queue,
    /// Open tasks that are like a text.
    pub duplicates: Duplicates,
    /// The delivery log of webhooks.
    pub deliveries: Deliveries,
    /// Where webhooks may point.
    pub addresses: AddressRules,
    /// The accounts as they were.
    pub past: Past,
    /// Events, for those who follow them.
    pub feed: Feed,
    /// Proofs of what the log says.
    pub ledger: Ledger,
    /// How far the ledger is.
    pub ledger_progress: Progress,
    /// The log, to be taken away.
    pub exports: Exports,
    /// Who comes in without a key.
    pub entrance: Entrance,
    /// How much of the service a credential may use.
    pub rates: Rates,
    /// What of the tasks needs somebody's attention.
    pub fleet: FleetRules,
    /// Over what is signed, for a webhook that is registered without a word on it.
    pub webhook_signature_scheme: SignatureScheme,
}

/// A reader: its standing in its account, and the account as the directory has it.
pub(crate) struct Reader {
    pub(crate) standing: Standing,
    pub(crate) directory: Arc<Account>,
}

impl Services {
    /// What surrounds the command of a call.
    pub(crate) fn context(&self, call: &Write<Caller>, body_digest: [u8; 32]) -> Context {
        let request_hash = call.request_hash(body_digest);
        Context {
            caller: call.caller.clone(),
            correlation_id: call.correlation_id,
            causation_id: None,
            key: call.key.clone().map(|key| RequestKey { key, request_hash }),
        }
    }

    /// Waits until a model shows every write that this node had acknowledged, and every write the
    /// reader knows of; then says what the reader is (promise P8).
    pub(crate) async fn reader(
        &self,
        call: &Read<Caller>,
        model: Model,
    ) -> Result<Reader, Problem> {
        self.has_reached(call.min_position).await?;
        let acknowledged = self.commands.log().acknowledged();
        self.level(model, acknowledged.max(call.min_position.unwrap_or_default())).await?;
        self.standing(&call.caller)
    }

    /// Waits until a model has reached a position.
    pub(crate) async fn level(&self, model: Model, position: i64) -> Result<(), Problem> {
        Ok(self.reads.wait(model, position, READ_WAIT_MAX).await?)
    }

    /// Says no to a position that no answer can have had: the log, which has every write that any
    /// node has acknowledged, ends before it. To wait for it would be to wait for nothing.
    pub(crate) async fn has_reached(&self, position: Option<i64>) -> Result<(), Problem> {
        let Some(position) = position else { return Ok(()) };
        if position > self.commands.log().acknowledged() {
            let head = self.commands.log().head().await.map_err(FeedError::Read)?;
            if head < position {
                let message = format!("must be a position in the log, which ends at {head}");
                return Err(Problem::invalid_field(MIN_POSITION, message));
            }
        }
        // What the reader knows of may have happened on another node, and to the account.
        Ok(self.commands.directory().reach(position).await?)
    }

    /// What a caller is.
    pub(crate) fn standing(&self, caller: &Caller) -> Result<Reader, Problem> {
        let directory = self.commands.directory().account(&caller.account).state;
        let standing = caller.standing(&directory).ok_or_else(Problem::unauthorized)?;
        Ok(Reader { standing, directory })
    }
}

impl Authenticate<Caller> for Services {
    fn authenticate<'a>(
        &'a self,
        credential: &'a Credential,
        origin: &'a Origin,
    ) -> Authenticated<'a, Caller> {
        Box::pin(async move {
            let secret = match credential {
                Credential::AgentKey(secret) | Credential::ProjectToken(secret) => secret,
                Credential::None if self.entrance.require_auth => {
                    return Err(Problem::unauthorized());
                }
                Credential::None => {
                    self.entrance.refuse_foreign_page(origin)?;
                    return Ok(Caller::anybody());
                }
                Credential::User(name) => {
                    self.entrance.refuse_foreign_page(origin)?;
                    return Ok(self.commands.authenticate_user(name).await?);
                }
            };
            let caller = self.commands.authenticate(secret.expose()).await?;
            // An agent key is never a project token, and the reverse.
            let is_agent = matches!(caller.who, Who::Agent { .. });
            match is_agent == matches!(credential, Credential::AgentKey(_)) {
                true => Ok(caller),
                false => Err(CommandError::Unauthenticated.into()),
            }
        })
    }

    fn admit<'a>(&'a self, origin: &'a Origin) -> Authenticated<'a, Caller> {
        Box::pin(async move {
            let founder = Caller::founder();
            // The command looks again: another node may have been faster.
            if !self.commands.directory().account(&founder.account).state.agents.is_empty() {
                return Err(Problem::unauthorized());
            }
            self.entrance.only_local(origin)?;
            Ok(founder)
        })
    }

    fn witness<'a>(&'a self, caller: &'a Caller, sight: Sight) -> Authenticated<'a, ()> {
        Box::pin(async move {
            let Some(agent) = caller.agent() else { return Ok(()) };
            if !self.standing(caller)?.standing.is_witnessed() {
                return Ok(());
            }
            let Sight { method, target, correlation_id } = sight;
            let (account, agent) = (caller.account.to_string(), agent.0);
            let reading = Reading { account, agent, method, target, correlation_id };
            Ok(self.exports.record_read(&reading).await?)
        })
    }
}

/// The whole server: the API at both prefixes, health, the OpenAPI document and its page.
#[must_use]
pub fn server(services: Arc<Services>, settings: EdgeSettings) -> BoxEndpoint<'static, Response> {
    let root = root::routes(documents);
    let door: Arc<dyn Authenticate<Caller>> = Arc::clone(&services) as _;
    let api =
        api().with(AddData::new(door)).with(AddData::new(services)).with(Allow::of::<Operations>());
    edge(routes(api, root), settings)
}

/// What a process without the API serves: its own health.
#[must_use]
pub fn side_server(settings: EdgeSettings) -> BoxEndpoint<'static, Response> {
    edge(root::health_routes(), settings)
}

/// The text of the OpenAPI document.
#[must_use]
pub fn openapi() -> &'static str {
    &documents().json
}

/// Made once, when somebody asks: no start waits for it.
fn documents() -> &'static Documents {
    static DOCUMENTS: LazyLock<Documents> = LazyLock::new(|| Documents::of(&api(), EXAMPLES));
    &DOCUMENTS
}

type Operations = (OfTasks, OfAccounts);

type OfTasks = (
    TaskReadsApi,
    TaskWritesApi,
    DuplicatesApi,
    ClaimsApi,
    QueueApi,
    ContextApi,
    AnnotationsApi,
    TaskEventsApi,
    EventsApi,
    CausalityApi,
    LedgerApi,
    AuditApi,
);

type OfAccounts = (ProjectsApi, RecurrencesApi, AgentsApi, WebhooksApi, MeApi, StatsApi, HealthApi);

fn api() -> OpenApiService<Operations, ()> {
    OpenApiService::new(Operations::default(), "Baton", env!("CARGO_PKG_VERSION"))
        .description(include_str!("about.md"))
        .license(
            LicenseObject::new("Apache-2.0").url("https://www.apache.org/licenses/LICENSE-2.0"),
        )
        .server(ServerObject::new(PREFIXES[0]).description("This server; `/api` is the same."))
}

/// The node's clock.
pub(crate) fn now() -> Timestamp {
    Timestamp::from(jiff::Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_the_one_the_code_makes() {
        let committed = include_str!("../../../openapi/baton.json");
        assert!(openapi() == committed, "openapi/baton.json is out of date: run `make openapi`");
    }
}
