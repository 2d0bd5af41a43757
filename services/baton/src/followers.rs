//! The followers of the log that this process takes part in, by its roles. No logic beyond order.

use std::sync::Arc;

use baton_feed::{
    Progress, Running,
    relay::{self, NatsClient},
};
use baton_ledger::CheckpointDir;
use baton_operations::{IsConnected, Part};
use baton_projections::{Model, Reads};
use baton_webhooks::Webhooks;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Settings,
    roles::{Role, Roles},
    wiring::{Core, StartError},
};

/// What runs beside requests until it is shut down.
pub(crate) struct Followers {
    /// What requests wait for.
    models: Vec<Running>,
    /// What no request waits for.
    others: Vec<Running>,
    /// What requests for proofs wait for.
    ledger: Running,
    sender: Option<Webhooks>,
    /// Names of the subscriptions that other processes keep.
    observed: Vec<&'static str>,
    nats: Option<NatsClient>,
}

impl Followers {
    /// Starts what the roles say, and the reads of the read models, whoever keeps those.
    pub(crate) async fn start(
        core: &Core,
        roles: &Roles,
        settings: &Settings,
        nats_url: Option<&str>,
        stop: &CancellationToken,
    ) -> Result<(Self, Reads), StartError> {
        let (models, reads) = read_models(core, roles);
        let (mut others, mut nats) = (Vec::new(), None);
        if let Some(url) = nats_url {
            let (client, relay) = on_nats(core, roles, url, stop).await?;
            others.extend(relay);
            nats = Some(client);
        }
        if roles.has(Role::Policies) {
            others.push(baton_policies::spawn(core.commands.clone(), core.pool.clone()));
        }
        if roles.has(Role::Scheduler) {
            others.push(baton_scheduler::spawn(core.commands.clone(), core.pool.clone()));
        }
        let sender = match roles.has(Role::Webhooks) {
            true => {
                let sending = sending(settings);
                Some(Webhooks::start(core.commands.clone(), core.pool.clone(), sending)?)
            }
            false => None,
        };
        let ledger = ledger(core, roles, settings, stop);
        let mut observed: Vec<&'static str> = match roles.has(Role::Projector) {
            true => Vec::new(),
            false => models.iter().map(Running::name).collect(),
        };
        if !roles.has(Role::Ledger) {
            observed.push(ledger.name());
        }
        Ok((Self { models, others, ledger, sender, observed, nats }, reads))
    }

    /// How far the ledger is, whoever keeps it.
    pub(crate) fn ledger(&self) -> Progress {
        self.ledger.progress()
    }

    /// The subscriptions that this process takes part in.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let sender = self.sender.iter().map(|it| (baton_webhooks::SUBSCRIPTION, it.progress()));
        let running = self.models.iter().chain(&self.others).chain([&self.ledger]);
        running
            .map(|it| (it.name(), it.progress()))
            .chain(sender)
            .filter(|(name, _)| !self.observed.contains(name))
            .map(|(name, progress)| Part { name: name.to_owned(), progress })
            .collect()
    }

    /// Whether NATS is connected, to be asked at any time.
    pub(crate) fn nats(&self) -> Option<IsConnected> {
        let client = self.nats.clone()?;
        Some(Arc::new(move || relay::is_connected(&client)))
    }

    /// Ends what no request waits for, each at the end of its batch: others may take over.
    pub(crate) async fn end_others(&mut self) {
        let sender = self.sender.take();
        let others = shutdown(std::mem::take(&mut self.others));
        let sending = async {
            if let Some(sender) = sender {
                sender.shutdown().await;
            }
        };
        tokio::join!(others, sending);
    }

    /// Ends the rest.
    pub(crate) async fn shutdown(mut self) {
        self.end_others().await;
        self.models.push(self.ledger);
        shutdown(self.models).await;
    }
}

/// What the operator chose about webhooks.
fn sending(settings: &Settings) -> baton_webhooks::Settings {
    let allow_private = settings.allow_private_webhooks;
    let keep_for = settings.deliveries_kept_for;
    let mut sending = baton_webhooks::Settings { allow_private, keep_for, ..Default::default() };
    if let Some(pauses) = &settings.webhook_retry_pauses {
        sending.schedule.pauses.clone_from(pauses);
    }
    sending
}

/// All side by side: none waits for another's batch.
async fn shutdown(running: Vec<Running>) {
    let mut ending: JoinSet<()> = running.into_iter().map(Running::shutdown).collect();
    while ending.join_next().await.is_some() {}
}

fn read_models(core: &Core, roles: &Roles) -> (Vec<Running>, Reads) {
    let models = Model::ALL.map(|model| match roles.has(Role::Projector) {
        true => {
            let history = core.commands.history().clone();
            baton_projections::spawn(history, core.pool.clone(), model)
        }
        false => baton_projections::observe(core.pool.clone(), model),
    });
    let reads = Reads::new(core.request_pool.clone(), models.each_ref().map(Running::progress));
    (models.into(), reads)
}

/// Keeps the ledger and its copies outside the database, or watches who does.
fn ledger(core: &Core, roles: &Roles, settings: &Settings, stop: &CancellationToken) -> Running {
    let pool = core.pool.clone();
    if !roles.has(Role::Ledger) {
        return baton_feed::observe(pool, baton_ledger::SUBSCRIPTION);
    }
    let directory = CheckpointDir::new(settings.checkpoints());
    let ledger = core.ledger.with(pool.clone());
    let running = baton_ledger::spawn(core.log.clone(), pool, &ledger, directory.clone());
    let progress = running.progress();
    tokio::spawn(baton_ledger::anchor(ledger, directory, progress, stop.clone()));
    running
}

/// Listens on NATS for what other processes publish, and publishes.
async fn on_nats(
    core: &Core,
    roles: &Roles,
    url: &str,
    stop: &CancellationToken,
) -> Result<(NatsClient, Option<Running>), StartError> {
    let client = relay::connect(url).await.map_err(StartError::Nats)?;
    tokio::spawn(baton_feed::share_wakes(core.log.clone(), client.clone(), stop.clone()));
    if !roles.has(Role::Relay) {
        return Ok((client, None));
    }
    let history = core.commands.history().clone();
    let relay = relay::Relay::new(history, client.clone(), relay::RelaySettings::default());
    let subscription = relay::Relay::subscription();
    let relay = baton_feed::spawn(core.log.clone(), core.pool.clone(), subscription, relay);
    Ok((client, Some(relay)))
}
