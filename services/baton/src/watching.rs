//! What operators may look at of this process. No logic beyond order.

use baton_operations::{Node, Operations, Recorder};
use tokio_util::sync::CancellationToken;

use crate::{
    followers::Followers,
    roles::{Role, Roles},
    wiring::Core,
};

/// Watches this process.
pub(crate) fn operations(
    core: &Core,
    roles: &Roles,
    followers: &Followers,
    recorder: Recorder,
    stop: &CancellationToken,
) -> Operations {
    let node = Node {
        roles: roles.names(),
        serves_api: roles.has(Role::Api),
        log: core.log.clone(),
        directory: core.commands.directory().clone(),
        pool: core.watch_pool.clone(),
        pools: vec![
            ("requests", core.request_pool.clone()),
            ("followers", core.pool.clone()),
            ("operations", core.watch_pool.clone()),
        ],
        nats: followers.nats(),
        parts: followers.parts(),
    };
    Operations::new(node, recorder, stop.clone())
}
