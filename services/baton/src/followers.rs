//! The followers of the log that this process takes part in, by its roles. No logic beyond order.

use baton_feed::{Running, relay};
use baton_projections::{Model, Reads};
use baton_webhooks::Webhooks;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Settings,
    roles::{Role, Roles},
    wiring::{Core, StartError},
};

/// What runs beside requests until it is shut down.
pub(crate) struct Followers {
    running: Vec<Running>,
    sender: Option<Webhooks>,
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
        let (mut running, reads) = read_models(core, roles);
        if let Some(url) = nats_url {
            running.extend(on_nats(core, roles, url, stop).await?);
        }
        let sender = match roles.has(Role::Webhooks) {
            true => {
                let allow_private = settings.allow_private_webhooks;
                let sending = baton_webhooks::Settings { allow_private, ..Default::default() };
                Some(Webhooks::start(core.commands.clone(), core.pool.clone(), sending)?)
            }
            false => None,
        };
        Ok((Self { running, sender }, reads))
    }

    /// Each at the end of its batch.
    pub(crate) async fn shutdown(self) {
        if let Some(sender) = self.sender {
            sender.shutdown().await;
        }
        for follower in self.running {
            follower.shutdown().await;
        }
    }
}

fn read_models(core: &Core, roles: &Roles) -> (Vec<Running>, Reads) {
    let [tasks, webhooks] =
        [Model::Tasks, Model::Webhooks].map(|model| match roles.has(Role::Projector) {
            true => baton_projections::spawn(core.log.clone(), core.pool.clone(), model),
            false => baton_projections::observe(core.pool.clone(), model),
        });
    let reads = Reads::new(core.request_pool.clone(), tasks.progress(), webhooks.progress());
    (vec![tasks, webhooks], reads)
}

/// Listens on NATS for what other processes publish, and publishes.
async fn on_nats(
    core: &Core,
    roles: &Roles,
    url: &str,
    stop: &CancellationToken,
) -> Result<Option<Running>, StartError> {
    let client = relay::connect(url).await.map_err(StartError::Nats)?;
    tokio::spawn(baton_feed::hear(core.log.clone(), client.clone(), stop.clone()));
    if !roles.has(Role::Relay) {
        return Ok(None);
    }
    let relay = relay::Relay::new(core.log.clone(), client, relay::RelaySettings::default());
    let subscription = relay::Relay::subscription();
    Ok(Some(baton_feed::spawn(core.log.clone(), core.pool.clone(), subscription, relay)))
}
